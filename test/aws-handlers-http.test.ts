import { createHmac } from 'node:crypto';
import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { batchHandler } from '../functions/aws/batch.ts';
import { httpHandler, requestIdHeader } from '../functions/aws/http.ts';
import { tickHandler } from '../functions/aws/schedule.ts';
import { bareApp } from '../functions/http/app.ts';
import { aContext, anHttpEvent, aRecord, aScheduledEvent, foreignEvents } from './fixtures/aws-events.ts';
import { applying, batchOf, openHttp, openPorts, rolloutDocument } from './fixtures/aws-handlers.ts';
import { silent, tokenOf } from './fixtures/aws-world.ts';
import { fauxqs } from './fixtures/fauxqs.ts';
import { alertBody } from './fixtures/serving.ts';
import { aDocument, aMessage } from './fixtures/stored.ts';

const emulator = fauxqs();
const served = () => openHttp(emulator);
const hook = { authorization: `Bearer ${tokenOf('HOOK')}` };
const ada = { authorization: `Bearer ${tokenOf('ADA')}` };

describe('requests', () => {
  it.each([
    ['as text', (body: string) => body],
    ['as base64', (body: string) => Buffer.from(body)],
  ])('%s are let in by a signature over the very bytes that were sent', async (_, carried) => {
    const { ingest, subject } = await served();
    const body = JSON.stringify({ ...alertBody({ severity: 'critical', note: 'ü\u{1f680}' }) }).replace('"version"', ' "version"');
    const signature = createHmac('sha256', tokenOf('KEY')).update(body).digest('hex');
    const sent = (text: string) => ingest(anHttpEvent('POST', '/hooks/signed', { body: carried(text), headers: { 'x-signature': signature } }), aContext());
    expect(await sent(body)).toMatchObject({ statusCode: 202, body: '{"accepted":1,"ignored":0}' });
    expect((await sent(`${body} `)).statusCode).toBe(401);
    expect(emulator.inspect(subject, 'urgent').ready).toHaveLength(1);
  });

  it('of any content type reach the sender’s parser', async () => {
    const { ingest } = await served();
    const headers = { ...hook, 'content-type': 'application/vnd.docker.distribution.events.v1+json' };
    expect(await ingest(anHttpEvent('POST', '/hooks/registry', { body: Buffer.from('{"events": []}'), headers }), aContext())).toMatchObject({ statusCode: 202, headers: { 'content-type': 'application/json; charset=utf-8' } });
  });

  it('that nobody understands are kept, however large and odd', async () => {
    const { ingest, subject } = await served();
    const body = Buffer.alloc(1_048_576, 0xff);
    expect(await ingest(anHttpEvent('POST', '/hooks/registry', { body, headers: hook }), aContext())).toMatchObject({ statusCode: 202 });
    const [letter] = await subject.queue.deadLetters(1);
    expect(letter?.reason).toMatch(/not UTF-8.*\(kept are the first \d+ of 1048576 characters\)$/);
    expect((await ingest(anHttpEvent('POST', '/hooks/registry', { body: Buffer.alloc(1_048_577), headers: hook }), aContext())).statusCode).toBe(413);
  });

  it('have AWS’s id, whatever their sender calls them', async () => {
    const app = bareApp({ requestIdHeader });
    app.get('/id', (request) => Promise.resolve({ id: request.id, ip: request.ip }));
    const handle = await httpHandler(app, silent);
    const { body } = await handle(anHttpEvent('GET', '/id', { requestId: 'from-aws', headers: { [requestIdHeader]: 'forged' } }), aContext());
    expect(JSON.parse(body ?? '')).toEqual({ id: 'from-aws', ip: '203.0.113.7' });
  });

  it('keep the commas of their query', async () => {
    const { api, ports } = await served();
    await ports.store.save(aDocument(rolloutDocument, 1), 0, []);
    const { statusCode, body } = await api(anHttpEvent('GET', '/api/rollouts/pro/demo/events?release=1,2', { headers: ada }), aContext());
    expect([statusCode, body]).toEqual([400, expect.stringContaining('release: found \\"1,2\\"')]);
  });

  it('are served by the function they are for only', async () => {
    const { ingest, api } = await served();
    expect((await ingest(anHttpEvent('GET', '/api/rollouts', { headers: ada }), aContext())).statusCode).toBe(404);
    expect((await api(anHttpEvent('POST', '/hooks/registry', { body: '{"events": []}', headers: hook }), aContext())).statusCode).toBe(404);
    expect((await api(anHttpEvent('GET', '/api/rollouts', { headers: ada }), aContext())).statusCode).toBe(200);
    expect((await api(anHttpEvent('GET', '/api/rollouts'), aContext())).statusCode).toBe(401);
    for (const handle of [ingest, api]) expect(await handle(anHttpEvent('GET', '/healthz'), aContext())).toMatchObject({ statusCode: 200, body: '{"ok":true}' });
  });

  it('of the page are answered with its files as text', async () => {
    const { api } = await served();
    expect(await api(anHttpEvent('GET', '/'), aContext())).toMatchObject({ statusCode: 200, isBase64Encoded: false, headers: { 'content-type': 'text/html; charset=utf-8' }, body: expect.stringContaining('<!doctype html>') as string });
  });

  it('that a queue cannot take whole are refused by size, and nothing is sent', async () => {
    const { subject } = await openPorts(emulator);
    const app = bareApp();
    app.post('/send', async () => subject.queue.send([aMessage('a', { body: { type: 'wake', document: 'x'.repeat(1_048_000) } })]));
    const answer = await (await httpHandler(app, silent))(anHttpEvent('POST', '/send'), aContext());
    expect([answer.statusCode, answer.body]).toEqual([413, expect.stringMatching(/too-large.*allowed are 1044480/)]);
  });
});

describe('a watch where nothing runs between requests', () => {
  const read = (body = ''): { retry: string; id: string; data: { rows: { version: number }[] } } => {
    const [, retry = '', id = '', data = '{}'] = /^retry: (\d+)\nid: (.*)\ndata: (.*)\n\n$/.exec(body) ?? [];
    return { retry, id, data: JSON.parse(data) as never };
  };

  it('answers once, ends, and asks to be asked again for what is new since', async () => {
    const { api, ports, subject } = await served();
    const work = batchHandler(ports, subject.urls);
    await ports.queue.send([applying('apply-1')]);
    await work(await batchOf(subject, 'inputs'), aContext());
    const watch = (headers: Record<string, string> = {}) => api(anHttpEvent('GET', '/api/rollouts/pro/demo/watch', { headers: { ...ada, ...headers } }), aContext());
    const answer = await watch();
    expect(answer).toMatchObject({ statusCode: 200, headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } });
    const first = read(answer.body);
    expect(first).toMatchObject({ retry: '2000', data: { rollout: { name: 'demo' } } });
    expect(first.data.rows.length).toBeGreaterThan(0);
    expect(read((await watch({ 'last-event-id': first.id })).body).data.rows).toEqual([]);
    expect(read((await watch({ 'last-event-id': '../../etc' })).body).data.rows).toEqual(first.data.rows);
    expect((await api(anHttpEvent('GET', '/api/rollouts/pro/nobody/watch', { headers: ada }), aContext())).statusCode).toBe(404);
    expect((await api(anHttpEvent('GET', '/api/rollouts/pro/demo/watch'), aContext())).statusCode).toBe(401);
  });
});

describe('events that are for somebody else', () => {
  const handlers = async (): Promise<Record<string, (event: unknown, context: Context) => Promise<unknown>>> => {
    const { ingest, api, subject, ports } = await served();
    return { ingest, api, worker: batchHandler(ports, subject.urls), tick: tickHandler(ports, undefined) };
  };
  const own = {
    'a request': anHttpEvent('POST', '/hooks/registry', { body: '{"events": []}', headers: hook }),
    'a batch': { Records: [aRecord('https://sqs.test/1/x', { messageId: 'm', receiptHandle: 'r', body: '{}' })] },
    'a scheduled event': aScheduledEvent(),
  };
  const cases = [
    ...(['ingest', 'api'] as const).flatMap((name) => [...Object.keys(foreignEvents), 'a batch', 'a scheduled event'].map((event) => [name, event] as const)),
    ...[...Object.keys(foreignEvents), 'a request', 'a scheduled event', 'a batch'].map((event) => ['worker', event] as const),
    ...[...Object.keys(foreignEvents), 'a request', 'a batch'].map((event) => ['tick', event] as const),
  ];
  it.each(cases)('%s fails at %s, so that nothing in it is taken for done', async (name, event) => {
    const handle = (await handlers())[name];
    expect(handle?.length).toBeLessThanOrEqual(2);
    await expect(handle?.({ ...foreignEvents, ...own }[event], aContext())).rejects.toThrow(/^event: found .+, allowed is (a request by|a batch of|messages of|a Scheduled)/);
  });

  it('a schedule of EventBridge Scheduler is none of them', async () => {
    const { tick } = await handlers();
    expect(await tick?.(aScheduledEvent('aws.scheduler'), aContext())).toEqual({ woken: 0 });
  });
});
