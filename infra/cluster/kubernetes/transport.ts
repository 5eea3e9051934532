import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Access } from './access.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: { readonly type: string; readonly text: string };
}

/** A GET that met a connection which the server was just closing is safe to send once more; a write might happen twice. */
const mayResend = (call: Call, request: http.ClientRequest, error: Error): boolean =>
  call.method === 'GET' && request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';

/**
 * Sends one request and resolves when the head of the answer is there; the signal covers the body, too.
 * @param sent called for each request that goes out.
 */
export const send = (access: Access, call: Call, signal: AbortSignal, sent: () => void): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const prefix = access.server.pathname.replace(/\/$/, '');
    const query = new URLSearchParams(call.query).toString();
    const options: https.RequestOptions = {
      method: call.method,
      hostname: access.server.hostname.replace(/^\[|\]$/g, ''),
      port: access.server.port,
      path: `${prefix}${call.path}${query === '' ? '' : `?${query}`}`,
      agent: access.agent,
      signal,
      headers: {
        ...access.headers,
        'user-agent': 'sluice',
        accept: 'application/json',
        ...(call.body === undefined ? {} : { 'content-type': call.body.type, 'content-length': Buffer.byteLength(call.body.text) }),
      },
      ...(access.auth === undefined ? {} : { auth: access.auth }),
    };
    const request = (access.server.protocol === 'http:' ? http : https).request(options, resolve);
    request.on('error', (error) => {
      if (mayResend(call, request, error)) send(access, call, signal, sent).then(resolve, reject);
      else reject(error);
    });
    sent();
    request.end(call.body?.text);
  });

/** The whole body as text. */
export const textOf = async (response: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/** The body line by line, as it comes. */
export async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
  }
}
