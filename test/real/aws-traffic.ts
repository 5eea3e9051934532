import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What went to SQS and DynamoDB. A batch is one request; its messages are counted one by one. */
export interface Traffic {
  readonly messages: number;
  readonly writes: number;
  /** Requests by action, writes by what they write as well, for whoever wants to know where they come from. */
  readonly requests: Readonly<Record<string, number>>;
}

export interface CountingProxy {
  readonly url: string;
  traffic(): Traffic;
  close(): Promise<void>;
}

const writing: ReadonlySet<string> = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'TransactWriteItems']);

/** The first parts of the two keys of what is written: `release document`, `release journal`. */
const whatIsWritten = (body: string): string => {
  const { Item, Key } = JSON.parse(body) as { Item?: Record<string, { S?: string }>; Key?: Record<string, { S?: string }> };
  const keys = Item ?? Key ?? {};
  return ['pk', 'sk'].map((name) => keys[name]?.S?.split(/[/#]/)[0] ?? '').join(' ');
};

/** Passes requests of AWS's JSON protocols on as they are and counts them by what they say they are. */
export const openCountingProxy = async (target: string): Promise<CountingProxy> => {
  const { hostname, port } = new URL(target);
  const agent = new http.Agent({ keepAlive: true });
  const requests: Record<string, number> = {};
  let [messages, writes] = [0, 0];

  const count = (action: string, body: string): void => {
    const what = writing.has(action) ? `${action} ${whatIsWritten(body)}` : action;
    requests[what] = (requests[what] ?? 0) + 1;
    if (writing.has(action)) writes += 1;
    if (action === 'SendMessage') messages += 1;
    if (action === 'SendMessageBatch') messages += (JSON.parse(body) as { Entries: readonly unknown[] }).Entries.length;
  };
  const pass = async (incoming: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    count(String(incoming.headers['x-amz-target']).split('.').at(-1) ?? '', body.toString('utf8'));
    const sent = http.request({ hostname, port, agent, method: incoming.method, path: incoming.url, headers: incoming.headers });
    response.on('close', () => sent.destroy());
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [http.IncomingMessage];
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  };

  const server = http.createServer((incoming, response) => {
    pass(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    traffic: () => ({ messages, writes, requests: { ...requests } }),
    async close() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await once(server, 'close');
    },
  };
};
