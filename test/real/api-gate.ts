import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { kubeconfigPath } from './helpers.ts';

export interface GateRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly body: string;
}

/** Where a request is stopped: before the API server sees it, or its answer on the way back. */
export type Stop = 'request' | 'answer';

export interface Held {
  /** Resolves when a request is being held. */
  readonly arrived: Promise<GateRequest>;
  /** Lets it go on its way, also when nobody waits for its answer any more. The status that the API server gave it. */
  letThrough(): Promise<number>;
  /** It never comes anywhere. */
  drop(): void;
}

/** What is done with a request instead of answering it as the API server would. */
export interface Refusal {
  /** The API server carries it out all the same. */
  readonly after?: boolean;
  /** The answer; without one there is silence, until whoever asked gives up. */
  readonly answer?: { readonly status: number; readonly headers?: Readonly<Record<string, string>> };
}

/** A proxy before the API server that lets everything through but what a test wants to be slow. */
export interface ApiGate {
  /** A kubeconfig whose server is this proxy. */
  readonly kubeconfig: string;
  /** Holds the next request that matches; one at a time for each call. */
  hold(stop: Stop, matches: (request: GateRequest) => boolean): Held;
  /** Asks for each request, in order, whether it is refused. */
  refuse(which: (request: GateRequest) => Refusal | undefined): void;
  close(): Promise<void>;
}

interface Waiting {
  readonly stop: Stop;
  readonly matches: (request: GateRequest) => boolean;
  readonly arrive: (request: GateRequest) => void;
  readonly decided: Promise<'through' | 'drop'>;
  readonly settle: (status: number) => void;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

const bodyOf = async (stream: http.IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

interface Kubeconfig {
  readonly clusters: readonly { readonly name: string; readonly cluster: { readonly server: string; readonly [field: string]: unknown } }[];
}

export const openApiGate = async (): Promise<ApiGate> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-gate-'));
  const original = parse(await readFile(kubeconfigPath(), 'utf8')) as Kubeconfig;
  const [first] = original.clusters;
  if (first === undefined) throw new Error(`${kubeconfigPath()} names no cluster`);
  const target = new URL(first.cluster.server);
  // The kit's certificate is made for other names, and this test is not about it.
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  let waiting: readonly Waiting[] = [];
  const refusals: ((request: GateRequest) => Refusal | undefined)[] = [];

  const forward = async (request: GateRequest, headers: http.IncomingHttpHeaders): Promise<Answer> => {
    const sent = https.request({ hostname: target.hostname, port: target.port, method: request.method, path: request.path, headers: { ...headers, host: target.host }, agent });
    sent.end(request.body);
    const [answer] = (await once(sent, 'response')) as [http.IncomingMessage];
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await bodyOf(answer) };
  };

  const pass = async (incoming: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const request: GateRequest = { method: incoming.method ?? '', path: incoming.url ?? '', body: (await bodyOf(incoming)).toString('utf8') };
    const refusal = refusals.map((which) => which(request)).find((one) => one !== undefined);
    if (refusal !== undefined) {
      if (refusal.after === true) await forward(request, incoming.headers);
      const { status, headers = {} } = refusal.answer ?? { status: 0 };
      if (status > 0) response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'refused by the test', code: status }));
      return;
    }
    const held = waiting.find(({ matches }) => matches(request));
    waiting = waiting.filter((one) => one !== held);
    const early = held?.stop === 'answer' ? await forward(request, incoming.headers) : undefined;
    held?.arrive(request);
    if ((await held?.decided) === 'drop') {
      incoming.socket.destroy();
      return;
    }
    const answer = early ?? (await forward(request, incoming.headers));
    held?.settle(answer.status);
    // Whoever asked may be gone; then this goes nowhere.
    response.writeHead(answer.status, answer.headers).end(answer.body);
  };

  const server = http.createServer((incoming, response) => {
    pass(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(folder, 'kubeconfig');
  const clusters = original.clusters.map(({ name }) => ({ name, cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }));
  await writeFile(kubeconfig, JSON.stringify({ ...original, clusters }));

  return {
    kubeconfig,
    hold(stop, matches) {
      const arrived = Promise.withResolvers<GateRequest>();
      const decided = Promise.withResolvers<'through' | 'drop'>();
      const settled = Promise.withResolvers<number>();
      waiting = [...waiting, { stop, matches, arrive: arrived.resolve, decided: decided.promise, settle: settled.resolve }];
      return {
        arrived: arrived.promise,
        letThrough() {
          decided.resolve('through');
          return settled.promise;
        },
        drop: () => decided.resolve('drop'),
      };
    },
    refuse: (which) => void refusals.push(which),
    async close() {
      server.closeAllConnections();
      server.close();
      agent.destroy();
      await rm(folder, { recursive: true });
    },
  };
};
