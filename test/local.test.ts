import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { APIGatewayProxyEventV2, SQSEvent } from 'aws-lambda';
import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../events/input.ts';
import { readDeployed } from '../local/deployed.ts';
import { clientOptions, startSqs } from '../local/emulators.ts';
import type { Launch } from '../local/function-process.ts';
import { createFunction, type LocalFunction } from '../local/function.ts';
import { openGateway } from '../local/gateway.ts';
import { doneOf, startMapping } from '../local/mappings.ts';
import { createQueues, type CreatedQueue } from '../local/queues.ts';

// The parts that stand in for Lambda, with a runtime client in JavaScript in the place of AWS's.

/** Longest wait for what must come; a busy machine takes its time. */
const soon = { timeout: 10_000 };
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
});

type Handler = (event: Json, context: { readonly id: string; readonly deadline: number }) => Promise<Json> | Json;
const runtime = 'http://<api>/2018-06-01/runtime';

/** A process of a function that is none: it asks for invocations until it is killed. Counts how many were started. */
const scripted = (handler: Handler): { readonly launch: Launch; readonly started: () => number } => {
  let started = 0;
  const launch: Launch = (api) => {
    started += 1;
    const killed = new AbortController();
    const call = (path: string, body?: Json): Promise<Response> =>
      fetch(`${runtime.replace('<api>', api)}${path}`, { signal: killed.signal, ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }) });
    const serve = async (): Promise<string> => {
      for (;;) {
        const next = await call('/invocation/next');
        const id = next.headers.get('lambda-runtime-aws-request-id') ?? '';
        try {
          const answer = await handler((await next.json()) as Json, { id, deadline: Number(next.headers.get('lambda-runtime-deadline-ms')) });
          await call(`/invocation/${id}/response`, answer);
        } catch (error) {
          await call(`/invocation/${id}/error`, { errorType: 'Error', errorMessage: (error as Error).message });
        }
      }
    };
    const gone = new Promise<string>((resolve) => killed.signal.addEventListener('abort', () => resolve('killed')));
    return { exited: Promise.race([gone, serve().catch((error: Error) => error.message)]), kill: () => killed.abort() };
  };
  return { launch, started: () => started };
};

const functionOf = (handler: Handler, { timeoutMs = 5_000, concurrency = 4 } = {}): LocalFunction & { readonly started: () => number } => {
  const { launch, started } = scripted(handler);
  const made = createFunction({ name: 'demo', launch, timeoutMs, concurrency });
  cleanUp.push(() => made.close());
  return { ...made, started };
};

describe('a function', () => {
  test('answers its caller, keeps its process, and tells its handler how long it has', async () => {
    const made = functionOf((event, { deadline }) => ({ event, left: deadline - Date.now() }));
    const first = await made.invoke({ n: 1 });
    await made.invoke({ n: 2 });
    expect(first).toMatchObject({ ok: true, payload: { event: { n: 1 } } });
    expect(first.ok && (first.payload as { left: number }).left).toBeGreaterThan(4_000);
    expect(made.tally()).toEqual({ invocations: 2, starts: 1, failures: 0 });
  });

  test('an error of the handler is told, and the process goes on', async () => {
    const made = functionOf((event) => {
      if (event === 'bad') throw new Error('this one fails');
      return event;
    });
    expect(await made.invoke('bad')).toEqual({ ok: false, errorType: 'Error', errorMessage: 'this one fails' });
    expect(await made.invoke('good')).toEqual({ ok: true, payload: 'good' });
    expect(made.started()).toBe(1);
  });

  test('an invocation that takes too long is killed with its process, and the next one gets another', async () => {
    const made = functionOf(async (event) => (event === 'slow' ? sleep(60_000, null) : event), { timeoutMs: 100 });
    expect(await made.invoke('slow')).toMatchObject({ ok: false, errorType: 'Sandbox.Timedout' });
    expect(await made.invoke('quick')).toEqual({ ok: true, payload: 'quick' });
    expect(made.started()).toBe(2);
  });

  test('one process for each invocation at a time, up to its concurrency; the rest wait in order', async () => {
    const waiting: (() => void)[] = [];
    const began: Json[] = [];
    const made = functionOf(async (event) => {
      began.push(event);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return event;
    }, { concurrency: 2 });
    const all = [1, 2, 3].map((n) => made.invoke(n));
    await expect.poll(() => began.length, soon).toBe(2);
    expect(made.started()).toBe(2);
    for (const go of waiting.splice(0)) go();
    await expect.poll(() => began, soon).toEqual([expect.anything(), expect.anything(), 3]);
    for (const go of waiting.splice(0)) go();
    expect(await Promise.all(all)).toEqual([1, 2, 3].map((payload) => ({ ok: true, payload })));
    expect(made.started()).toBe(2);
  });

  test('killed, what runs fails and what comes next is served', async () => {
    const began = Promise.withResolvers<void>();
    const made = functionOf(async (event) => {
      if (event !== 'hangs') return event;
      began.resolve();
      return sleep(60_000, null);
    });
    const hanging = made.invoke('hangs');
    await began.promise;
    await made.kill();
    expect(await hanging).toMatchObject({ ok: false, errorType: 'Runtime.ExitError' });
    expect(await made.invoke('next')).toEqual({ ok: true, payload: 'next' });
  });

  test('a process that says it cannot start fails what it was started for', async () => {
    const launch: Launch = (api) => {
      const exited = fetch(`${runtime.replace('<api>', api)}/init/error`, { method: 'POST', body: JSON.stringify({ errorType: 'Runtime.ImportModuleError', errorMessage: 'no such module' }) }).then(() => 'exit code 1');
      return { exited, kill: () => undefined };
    };
    const made = createFunction({ name: 'demo', launch, timeoutMs: 1_000, concurrency: 1 });
    cleanUp.push(() => made.close());
    expect(await made.invoke(null)).toMatchObject({ ok: false, errorType: 'Runtime.InitError', errorMessage: expect.stringContaining('no such module') });
  });

  test('an answer to an invocation that is over is refused', async () => {
    let address = '';
    const { launch } = scripted((_event, { id }) => id);
    const made = createFunction({ name: 'demo', launch: (api) => launch((address = api)), timeoutMs: 1_000, concurrency: 1 });
    cleanUp.push(() => made.close());
    const result = await made.invoke(null);
    const late = await fetch(`${runtime.replace('<api>', address)}/invocation/${String(result.ok && result.payload)}/response`, { method: 'POST', body: '{}' });
    expect(late.status).toBe(400);
  });
});

describe('which messages of a batch are done', () => {
  const ids = ['a', 'b', 'c'];
  test.each([
    ['nothing is said', null, ids],
    ['no failures', { batchItemFailures: [] }, ids],
    ['null', { batchItemFailures: null }, ids],
    ['one failure', { batchItemFailures: [{ itemIdentifier: 'b' }] }, ['a', 'c']],
    ['a failure of a message that is not there', { batchItemFailures: [{ itemIdentifier: 'x' }] }, []],
    ['an empty identifier', { batchItemFailures: [{ itemIdentifier: '' }] }, []],
  ])('%s', (_, payload, done) => {
    expect(doneOf(ids, { ok: true, payload })).toEqual(done);
  });

  test('the function failed', () => {
    expect(doneOf(ids, { ok: false, errorType: 'Error', errorMessage: '' })).toEqual([]);
  });
});

describe('an event source mapping', () => {
  /** The queues of deploy/queues.yml, with a visibility of one second, and a mapping from one of them. */
  const mapped = async (queue: string, handler: (event: SQSEvent) => Promise<Json> | Json, { batchSize = 10, concurrency = 2, timeoutMs = 5_000 } = {}) => {
    const sqs = await startSqs();
    cleanUp.push(() => sqs.close());
    const client = new SQSClient(clientOptions(sqs.endpoint));
    const { queues: declared } = await readDeployed(new URL('../', import.meta.url), 'test');
    const queues = await createQueues(client, sqs.endpoint, declared.map((one) => ({ ...one, attributes: { ...one.attributes, VisibilityTimeout: '1' } })));
    const { url: queueUrl, arn: queueArn } = queues[queue] as CreatedQueue;
    const target = functionOf((event) => handler(event as unknown as SQSEvent), { timeoutMs });
    const mapping = await startMapping({ client, queueUrl, queueArn, function: target, batchSize, concurrency });
    cleanUp.push(async () => {
      await mapping.stop();
      client.destroy();
    });
    let sent = 0;
    const send = (body: string, group?: string): Promise<unknown> =>
      client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body, ...(group === undefined ? {} : { MessageGroupId: group, MessageDeduplicationId: String((sent += 1)) }) }));
    /** Messages that are in the queue, given to somebody or not. */
    const left = async (): Promise<number> => {
      const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] }));
      return Number(Attributes?.ApproximateNumberOfMessages) + Number(Attributes?.ApproximateNumberOfMessagesNotVisible);
    };
    return { send, left, mapping };
  };

  test('hands a message on as Lambda does, and deletes it when the function is done', async () => {
    const events: SQSEvent[] = [];
    const { send, left, mapping } = await mapped('InputsQueue', (event) => {
      events.push(event);
      return { batchItemFailures: [] };
    });
    await send('hello', 'g');
    await expect.poll(() => events, soon).toMatchObject([
      {
        Records: [
          {
            messageId: expect.any(String),
            receiptHandle: expect.any(String),
            body: 'hello',
            attributes: { ApproximateReceiveCount: '1', MessageGroupId: 'g', SentTimestamp: expect.any(String) },
            messageAttributes: {},
            eventSource: 'aws:sqs',
            eventSourceARN: expect.stringMatching(/:sluice-test-inputs\.fifo$/),
            awsRegion: 'eu-west-1',
          },
        ],
      },
    ]);
    await expect.poll(left, soon).toBe(0);
    expect(mapping.received()).toBe(1);
  });

  test('of a batch only what failed comes back, counted', async () => {
    const seen: string[] = [];
    const { send, left } = await mapped('WakesQueue', ({ Records }) => {
      seen.push(...Records.map(({ body, attributes }) => `${body} ${attributes.ApproximateReceiveCount}`));
      return { batchItemFailures: Records.filter(({ body, attributes }) => body === 'bad' && attributes.ApproximateReceiveCount === '1').map(({ messageId }) => ({ itemIdentifier: messageId })) };
    });
    await Promise.all([send('good'), send('bad')]);
    await expect.poll(() => seen.toSorted(), soon).toEqual(['bad 1', 'bad 2', 'good 1']);
    await expect.poll(left, soon).toBe(0);
    expect(seen).toHaveLength(3);
  });

  test('a batch whose invocation was killed comes back whole', async () => {
    const seen: string[] = [];
    const { send } = await mapped('UrgentQueue', async ({ Records: [record] }) => {
      seen.push(`${record?.body} ${record?.attributes.ApproximateReceiveCount}`);
      if (seen.length === 1) await sleep(60_000);
      return null;
    }, { timeoutMs: 200 });
    await send('once more');
    await expect.poll(() => seen, soon).toEqual(['once more 1', 'once more 2']);
  });

  test('no two batches hold messages of one FIFO group at a time, and a failed one is before those after it', async () => {
    const log: string[] = [];
    const overlapping: string[] = [];
    const open = new Set<string>();
    const { send } = await mapped('InputsQueue', async ({ Records }) => {
      const groups = new Set(Records.map(({ attributes }) => attributes.MessageGroupId ?? ''));
      for (const group of groups) {
        if (open.has(group)) overlapping.push(group);
        open.add(group);
      }
      const failed = Records.filter(({ body }) => body === 'a1' && !log.includes(body));
      log.push(...Records.map(({ body }) => body));
      await sleep(100);
      for (const group of groups) open.delete(group);
      return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }, { batchSize: 1, concurrency: 2 });
    for (const body of ['a1', 'a2', 'a3']) await send(body, 'a');
    await send('b1', 'b');
    await expect.poll(() => log.length, soon).toBe(5);
    expect(log.filter((body) => body.startsWith('a'))).toEqual(['a1', 'a1', 'a2', 'a3']);
    expect(log).toContain('b1');
    expect(overlapping).toEqual([]);
  });
});

describe('the HTTP API', () => {
  const gatewayTo = async (handler: (event: APIGatewayProxyEventV2, which: 'ingest' | 'api') => Promise<Json> | Json, timeoutMs = 5_000): Promise<string> => {
    const [ingest, api] = (['ingest', 'api'] as const).map((which) => functionOf((event) => handler(event as unknown as APIGatewayProxyEventV2, which), { timeoutMs }));
    const gateway = await openGateway({ port: 0, ingest: ingest as LocalFunction, api: api as LocalFunction });
    cleanUp.push(() => gateway.close());
    return gateway.url;
  };
  const echo = (event: APIGatewayProxyEventV2): Json => ({ statusCode: 200, body: JSON.stringify(event) });
  const askEcho = async (path: string, init?: RequestInit): Promise<APIGatewayProxyEventV2> => (await (await fetch(`${await gatewayTo(echo)}${path}`, init)).json()) as APIGatewayProxyEventV2;

  test('webhooks go to ingest, everything else to the api', async () => {
    const url = await gatewayTo((_event, which) => ({ statusCode: 200, body: which }));
    const asked = await Promise.all(['/hooks/registry', '/hooks/alerts', '/', '/api/rollouts', '/hooksy'].map(async (path) => (await fetch(`${url}${path}`)).text()));
    expect(asked).toEqual(['ingest', 'ingest', 'api', 'api', 'api']);
  });

  test('a request becomes an event of payload format 2.0', async () => {
    const event = await askEcho('/api/rollouts/a%20b?x=1&x=2&t=a,b', { headers: { 'X-Mixed-Case': 'v', cookie: 'a=1; b=2' } });
    expect(event).toMatchObject({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/api/rollouts/a b',
      rawQueryString: 'x=1&x=2&t=a,b',
      cookies: ['a=1', 'b=2'],
      headers: { 'x-mixed-case': 'v', 'x-forwarded-for': '127.0.0.1' },
      queryStringParameters: { x: '1,2', t: 'a,b' },
      requestContext: { http: { method: 'GET', path: '/api/rollouts/a b', sourceIp: '127.0.0.1' }, stage: '$default' },
      isBase64Encoded: false,
    });
    expect(event.headers).not.toHaveProperty('cookie');
    expect(event).not.toHaveProperty('body');
  });

  test.each([
    ['application/json', '{"ä":1}', false],
    ['text/plain; charset=utf-8', 'ä', false],
    ['application/vnd.docker.distribution.events.v1+json', '{"ä":1}', true],
    ['application/x-www-form-urlencoded', 'a=1', true],
    ['application/json', Buffer.from([0x7b, 0xff, 0x7d]), true],
  ])('a body of %s is what was signed, byte for byte', async (type, content, isBase64Encoded) => {
    const bytes = Buffer.from(content);
    const event = await askEcho('/hooks/registry', { method: 'POST', headers: { 'content-type': type }, body: bytes });
    expect(event.isBase64Encoded).toBe(isBase64Encoded);
    const sign = (body: Buffer): string => createHmac('sha256', 'key').update(body).digest('hex');
    expect(sign(Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'))).toBe(sign(bytes));
  });

  test('an answer keeps status, headers, cookies and bytes', async () => {
    const bytes = Buffer.from([0, 255, 1]);
    const url = await gatewayTo(() => ({ statusCode: 418, headers: { 'Content-Type': 'image/x', n: 1 }, cookies: ['a=1; Path=/', 'b=2'], body: bytes.toString('base64'), isBase64Encoded: true }));
    const response = await fetch(url);
    expect(response.status).toBe(418);
    expect([response.headers.get('content-type'), response.headers.get('n')]).toEqual(['image/x', '1']);
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2']);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
  });

  test.each([
    ['a function that fails', () => Promise.reject(new Error('no')), 500],
    ['one that takes too long', () => sleep(60_000, null), 503],
    ['a status that is none', () => ({ statusCode: 99 }), 500],
  ])('%s is answered for', async (_, handler, status) => {
    const response = await fetch(await gatewayTo(handler, 200));
    expect(response.status).toBe(status);
    expect(await response.json()).toHaveProperty('message');
  });

  test('a path that cannot be decoded and a body that is too large never reach a function', async () => {
    const url = await gatewayTo(() => 'reached');
    expect((await fetch(`${url}/%zz`)).status).toBe(400);
    expect((await fetch(url, { method: 'POST', body: Buffer.alloc(10_485_761) })).status).toBe(413);
  });
});

test('what runs here is what serverless.yml deploys', async () => {
  const { functions, queues, queueVariables } = await readDeployed(new URL('../', import.meta.url), 'test');
  expect(functions.map(({ name }) => name)).toEqual(['ingest', 'api', 'worker', 'urgent', 'tick']);
  expect(functions.find(({ name }) => name === 'worker')).toMatchObject({ bundle: 'worker', timeoutMs: 18_000, sources: [{ queue: 'InputsQueue', batchSize: 1 }, { queue: 'WakesQueue', batchSize: 1 }] });
  expect(functions.find(({ name }) => name === 'urgent')).toMatchObject({ bundle: 'worker', sources: [{ queue: 'UrgentQueue' }] });
  expect(queues.filter(({ redrive }) => redrive !== undefined).map(({ id }) => id).sort()).toEqual(['InputsQueue', 'UrgentQueue', 'WakesQueue']);
  expect(queues.find(({ id }) => id === 'InputsQueue')).toMatchObject({ name: 'sluice-test-inputs.fifo', attributes: { FifoQueue: 'true', VisibilityTimeout: '20' } });
  expect(Object.values(queueVariables).sort()).toEqual(queues.map(({ id }) => id).sort());
});
