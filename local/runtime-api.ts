import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Json } from '../events/input.ts';

/** What came of one invocation, as Lambda tells its caller. */
export type Invoked =
  | { readonly ok: true; readonly payload: Json }
  | { readonly ok: false; readonly errorType: string; readonly errorMessage: string };

/** How a function calls itself, for messages and for its own environment. */
export const functionArn = (name: string): string => `arn:aws:lambda:local:000000000000:function:${name}`;

/** Lambda's limit for a synchronous invocation's answer, in bytes. */
const largestPayload = 6_291_556;
const root = '/2018-06-01/runtime';

interface Running {
  readonly id: string;
  readonly done: (result: Invoked) => void;
}

interface Given extends Running {
  readonly event: Json;
  readonly deadline: number;
}

/**
 * The Lambda Runtime API (2018-06-01) as one execution environment sees it: one process asks it for invocations, one at a time.
 * Loopback only.
 */
export interface RuntimeApi {
  /** `host:port`, for AWS_LAMBDA_RUNTIME_API. */
  readonly address: string;
  /** Resolves when the process asks for its first invocation; rejects when it says that it cannot start, or never will. */
  readonly ready: Promise<void>;
  /** Gives the process one event; it is told `deadline` (ms since the epoch), which is somebody else's to enforce. Throws while another one runs. */
  invoke(event: Json, deadline: number): Promise<Invoked>;
  /** Ends what runs, and what waits for the start, with this error: the process is gone. */
  fail(errorType: string, errorMessage: string): void;
  close(): Promise<void>;
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const answer = (response: ServerResponse, status: number, body: Json): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

/** What a runtime posts as an error; anything else is kept as it is. */
const errorOf = (body: Buffer): Invoked => {
  try {
    const { errorType = 'Unknown', errorMessage = '' } = JSON.parse(body.toString('utf8')) as { errorType?: string; errorMessage?: string };
    return { ok: false, errorType, errorMessage };
  } catch {
    return { ok: false, errorType: 'Unknown', errorMessage: body.toString('utf8') };
  }
};

const payloadOf = (body: Buffer): Invoked => {
  if (body.length > largestPayload) return { ok: false, errorType: 'Function.ResponseSizeTooLarge', errorMessage: `the answer has ${body.length} bytes, allowed are ${largestPayload}` };
  try {
    return { ok: true, payload: body.length === 0 ? null : (JSON.parse(body.toString('utf8')) as Json) };
  } catch {
    return { ok: false, errorType: 'Runtime.InvalidResponse', errorMessage: 'the answer is not JSON' };
  }
};

export const openRuntimeApi = async (name: string): Promise<RuntimeApi> => {
  const started = Promise.withResolvers<void>();
  started.promise.catch(() => undefined);
  let waiting: ServerResponse | undefined;
  let given: Given | undefined;
  let running: Running | undefined;

  const handOut = (): void => {
    if (waiting === undefined || given === undefined) return;
    const { id, event, deadline } = given;
    waiting.writeHead(200, {
      'content-type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': id,
      'Lambda-Runtime-Deadline-Ms': String(deadline),
      'Lambda-Runtime-Invoked-Function-Arn': functionArn(name),
      'Lambda-Runtime-Trace-Id': `Root=1-${Math.floor(Date.now() / 1_000).toString(16)}-${id.replaceAll('-', '').slice(0, 24)}`,
    });
    waiting.end(JSON.stringify(event));
    running = given;
    waiting = undefined;
    given = undefined;
  };

  const finish = (result: Invoked): void => {
    const ended = running ?? given;
    running = undefined;
    given = undefined;
    ended?.done(result);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    if (request.method === 'GET' && path === `${root}/invocation/next`) {
      waiting = response;
      response.on('close', () => {
        if (waiting === response) waiting = undefined;
      });
      started.resolve();
      handOut();
      return;
    }
    const body = await bodyOf(request);
    if (request.method === 'POST' && path === `${root}/init/error`) {
      const { errorType, errorMessage } = errorOf(body) as Extract<Invoked, { ok: false }>;
      answer(response, 202, { status: 'OK' });
      started.reject(new Error(`${errorType}: ${errorMessage}`));
      finish({ ok: false, errorType, errorMessage });
      return;
    }
    const [, id, what] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
    if (request.method !== 'POST' || id === undefined) return answer(response, 404, { errorType: 'NotFound', errorMessage: `there is no ${request.method ?? ''} ${path}` });
    if (running?.id !== id) return answer(response, 400, { errorType: 'InvalidRequestID', errorMessage: `no invocation ${id} is running` });
    const result = what === 'error' ? errorOf(body) : payloadOf(body);
    answer(response, !result.ok && what === 'response' ? 413 : 202, { status: 'OK' });
    finish(result);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  // A process that waits for its next invocation waits for as long as it takes.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const fail = (errorType: string, errorMessage: string): void => {
    started.reject(new Error(`${errorType}: ${errorMessage}`));
    finish({ ok: false, errorType, errorMessage });
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ready: started.promise,
    invoke(event, deadline) {
      if (running !== undefined || given !== undefined) throw new Error(`${name}: one process was given two invocations at a time`);
      const { promise, resolve } = Promise.withResolvers<Invoked>();
      given = { id: randomUUID(), event, deadline, done: resolve };
      handOut();
      return promise;
    },
    fail,
    async close() {
      fail('Runtime.ExitError', 'the environment was closed');
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};
