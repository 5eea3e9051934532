import { Agent, createServer, request as send, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dispatch, GatewayAnswer } from './gateway.ts';
import type { GatewayRequest } from './request.ts';

/** What a proxy needs of the gateway: where a request goes, and to be told how it ended. */
export interface Router {
  dispatch(request: GatewayRequest): Dispatch;
  count(answer: GatewayAnswer): void;
}

export interface Proxy {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  close(): Promise<void>;
}

const hopByHop = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
const endToEnd = (headers: IncomingHttpHeaders): IncomingHttpHeaders => Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name)));
const asTexts = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]));

/** Starts the proxy on a free loopback port. A pod that does not answer is a 502. */
export const startProxy = async (router: Router): Promise<Proxy> => {
  const agent = new Agent({ keepAlive: true });

  const refuse = (response: ServerResponse, answer: GatewayAnswer): void => {
    router.count(answer);
    response.writeHead(answer.status, { 'Content-Type': 'text/plain' }).end(`${answer.status}\n`);
  };

  const forward = (incoming: IncomingMessage, response: ServerResponse): void => {
    const clientIp = incoming.socket.remoteAddress ?? '';
    const headers = asTexts(incoming.headers);
    const sent = router.dispatch({ host: headers['host'] ?? '', path: incoming.url ?? '/', method: incoming.method ?? 'GET', headers, clientIp });
    if (!('to' in sent)) return refuse(response, sent);
    const broken: GatewayAnswer = { status: 502, service: sent.service, pod: sent.pod };
    if (sent.to.port === undefined) return refuse(response, broken);

    const forwardedFor = [headers['x-forwarded-for'], clientIp].filter((part) => part !== undefined).join(', ');
    const outgoing = send({ agent, host: '127.0.0.1', port: sent.to.port, method: incoming.method, path: incoming.url, headers: { ...endToEnd(incoming.headers), 'x-forwarded-for': forwardedFor } });
    outgoing.on('error', () => {
      if (response.headersSent) response.destroy();
      else if (!response.destroyed) refuse(response, broken);
    });
    outgoing.on('response', (answer) => {
      const version = answer.headers['x-version'];
      router.count({ status: answer.statusCode ?? 502, service: sent.service, pod: sent.pod, ...(typeof version === 'string' ? { version } : {}) });
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  };

  const server = createServer(forward);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
};
