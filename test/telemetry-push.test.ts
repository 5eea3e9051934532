import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfig } from '../functions/config.ts';
import { keepPushing, pushMetrics } from '../functions/telemetry.ts';
import type { ManualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import type { Backlog } from '../infra/queue/port.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import type { Push, Pushed } from '../infra/telemetry/push.ts';
import { snappyBlock, writeRequest } from '../infra/telemetry/write-request.ts';
import type { Counts } from '../statemachines/counts.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { received, unsnapped, type Received } from './fixtures/remote-write.ts';
import { aDocument, aRow } from './fixtures/stored.ts';

const servers: Server[] = [];
const stores: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
  for (const store of stores.splice(0)) await store.close();
});

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}
interface Taken {
  readonly headers: IncomingHttpHeaders;
  readonly points: readonly Received[];
}

/** A receiver that gives these answers in turn, the last one for ever; `undefined` never answers. */
const receiver = async (...answers: readonly (Answer | undefined)[]): Promise<{ readonly url: string; readonly taken: readonly Taken[]; hungUp(): number }> => {
  const taken: Taken[] = [];
  let hungUp = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    response.on('close', () => (hungUp += response.writableEnded ? 0 : 1));
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const answer = answers[Math.min(taken.length, answers.length - 1)];
      taken.push({ headers: request.headers, points: received(Buffer.concat(chunks)) });
      if (answer !== undefined) response.writeHead(answer.status ?? 204, answer.headers).end(answer.body);
    });
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/write`, taken, hungUp: () => hungUp };
};

const secrets = { read: (ref: string) => (ref === 'env:NONE' ? Promise.reject(new Error('secret env:NONE: there is no environment variable NONE')) : Promise.resolve(ref.slice(4).toLowerCase())) };

interface Pushing {
  readonly push: Push;
  readonly clock: ManualClock;
  count(counts: Counts): Promise<void>;
}

/** A push of what a store holds, to this receiver. */
const pushingTo = (url: string, { backlog, auth, outbound = { loopback: true } }: { backlog?: Backlog; auth?: { token: string } | { username: string; password: string }; outbound?: { loopback: boolean } } = {}): Pushing & { readonly keep: (told: (pushed: Pushed) => void) => () => void } => {
  const clock = heldClock();
  const { store, queue, close } = openSqlite(':memory:', { clock });
  stores.push({ close });
  const config = readConfig({ outbound, remoteWrite: { url, everySeconds: 30, ...(auth === undefined ? {} : { auth }) } });
  const ports = { store, clock, queue: backlog === undefined ? queue : { ...queue, backlog: () => Promise.resolve(backlog) } };
  const push = pushMetrics(ports, config, secrets);
  if (push === undefined) throw new Error('nothing is pushed');
  let version = 0;
  return {
    push,
    clock,
    keep: (told) => keepPushing(ports, config, secrets, told),
    count: async (counts) => {
      version += 1;
      expect(await store.save(aDocument('rollout/pro/demo', version), version - 1, [aRow('rollout/pro/demo', version)], counts)).toEqual({ ok: true });
    },
  };
};

const find = (taken: Taken | undefined, name: string): Received | undefined => taken?.points.find(({ labels }) => labels.some(([label, value]) => label === '__name__' && value === name));

describe('a write request', () => {
  it('holds what it was given: names, labels sorted with the common ones, value and time', () => {
    const body = snappyBlock(writeRequest([{ name: 'a_total', labels: { rollout: 'dä"mo', namespace: 'pro' }, value: 0.1 }, { name: 'b', labels: {}, value: 3e300 }], { job: 'sluice', instance: 'one' }, 1_790_000_000_123));
    expect(received(body)).toMatchObject([
      { labels: [['__name__', 'a_total'], ['instance', 'one'], ['job', 'sluice'], ['namespace', 'pro'], ['rollout', 'dä"mo']], value: 0.1, at: 1_790_000_000_123 },
      { labels: [['__name__', 'b'], ['instance', 'one'], ['job', 'sluice']], value: 3e300, at: 1_790_000_000_123 },
    ]);
  });

  it('ends a series that cannot be told by the NaN that means so', () => {
    const [point] = received(snappyBlock(writeRequest([{ name: 'a', labels: {}, value: undefined }], {}, 1)));
    expect(point?.bits).toBe(0x7ff0000000000002n);
  });

  it.each([0, 1, 60, 65_535, 65_536, 65_537, 200_000])('%d bytes are the same after snappy', (size) => {
    const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 7) % 251));
    expect(unsnapped(snappyBlock(bytes)).equals(bytes)).toBe(true);
  });
});

describe('a push', () => {
  it('sends totals and queue as one point each, by the rules of remote write 1.0', async () => {
    const { url, taken } = await receiver({});
    const { push, clock, count } = pushingTo(url, { auth: { token: 'env:TOKEN' }, backlog: { waiting: 3, since: heldClock().now() - 1_500, dead: 2 } });
    await count({ sluice_releases_started_total: 4 });
    expect(await push()).toEqual({ outcome: 'written', series: taken[0]?.points.length });
    expect(taken[0]?.headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0', authorization: 'Bearer token', 'user-agent': 'sluice' });
    expect(find(taken[0], 'sluice_releases_started_total')).toMatchObject({ labels: [['__name__', expect.any(String)], ['instance', 'sluice'], ['job', 'sluice'], ['namespace', 'pro'], ['rollout', 'demo']], value: 4, at: clock.now() });
    expect(find(taken[0], 'sluice_queue_waiting')?.value).toBe(3);
    expect(find(taken[0], 'sluice_queue_oldest_seconds')?.value).toBe(1.5);
    expect(find(taken[0], 'sluice_dead_letters')?.value).toBe(2);
  });

  it('takes its time from a clock that stood still or went back, and still never repeats one', async () => {
    const { url, taken } = await receiver({});
    const { push, clock } = pushingTo(url);
    for (let n = 0; n < 3; n += 1) await push();
    expect(taken.map((one) => find(one, 'sluice_dead_letters')?.at)).toEqual([clock.now(), clock.now() + 1, clock.now() + 2]);
  });

  it('of many series goes in several requests', async () => {
    const { url, taken } = await receiver({});
    const { push, count } = pushingTo(url);
    await count(Object.fromEntries(Array.from({ length: 2_500 }, (_, n) => [`sluice_verdicts_total{analysis="a${n}",verdict="pass"}`, 1])));
    const pushed = await push();
    expect(taken.map(({ points }) => points.length)).toEqual([2_000, expect.any(Number)]);
    expect(pushed).toEqual({ outcome: 'written', series: taken.reduce((all, { points }) => all + points.length, 0) });
  });

  it.each([
    ['what is out of order is dropped', { status: 400, body: 'out of order sample\n' }, { outcome: 'dropped', reason: 'the receiver answered 400: out of order sample' }],
    ['a wrong token is refused', { status: 401 }, { outcome: 'refused', reason: 'the receiver answered 401' }],
    ['a redirect is refused', { status: 302, headers: { location: 'http://169.254.169.254/' } }, { outcome: 'refused', reason: 'the receiver answered 302' }],
    ['too many are unavailable', { status: 429, headers: { 'retry-after': '90' } }, { outcome: 'unavailable', reason: 'the receiver answered 429', retryAfterMs: 90_000 }],
    ['a date is understood', { status: 503, headers: { 'retry-after': new Date(heldClock().now() + 60_000).toUTCString() } }, { outcome: 'unavailable', retryAfterMs: 60_000 }],
    ['an error is unavailable', { status: 500, body: 'x'.repeat(1_000) }, { outcome: 'unavailable', reason: `the receiver answered 500: ${'x'.repeat(300)}` }],
  ])('%s', async (_, answer, pushed) => {
    const { url } = await receiver(answer);
    expect(await pushingTo(url).push()).toMatchObject(pushed);
  });

  it('says what it could not even send', async () => {
    const { url, taken } = await receiver({});
    expect(await pushingTo(url, { auth: { token: 'env:NONE' } }).push()).toEqual({ outcome: 'refused', reason: 'secret env:NONE: there is no environment variable NONE' });
    expect(await pushingTo(url, { outbound: { loopback: false } }).push()).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('a loopback address') });
    expect(await pushingTo('http://169.254.169.254/latest').push()).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('metadata') });
    expect(taken).toEqual([]);
    const closed = pushingTo(url);
    await Promise.all(stores.map((store) => store.close()));
    expect(await closed.push()).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining('the metrics could not be read: ') });
  });

  it('that gets no answer ends with the signal of whoever waits for it', async () => {
    const { url } = await receiver(undefined);
    expect(await pushingTo(url).push(AbortSignal.timeout(50))).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining('given up') });
  });
});

describe('a receiver that is ill', () => {
  it('is left alone for as long as it asked', async () => {
    const { url, taken } = await receiver({ status: 429, headers: { 'retry-after': '90' } }, {});
    const { push, clock } = pushingTo(url);
    await push();
    clock.advance(89_000);
    expect(await push()).toEqual({ outcome: 'held', until: clock.now() + 1_000 });
    expect(taken.length).toBe(1);
    clock.advance(1_000);
    expect(await push()).toMatchObject({ outcome: 'written' });
  });

  it('is asked more and more seldom, at least every quarter of an hour, and at once as before when it is well', async () => {
    const { url, taken } = await receiver(...Array.from({ length: 10 }, () => ({ status: 503 })), {});
    const { push, clock } = pushingTo(url);
    const pauses: number[] = [];
    while (taken.length < 11) {
      const before = taken.length;
      let rounds = 0;
      while (taken.length === before) {
        await push();
        clock.advance(30_000);
        rounds += 1;
      }
      pauses.push(rounds);
    }
    expect(pauses).toEqual([1, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
    expect(await push()).toMatchObject({ outcome: 'written' });
  });
});

describe('a server that pushes', () => {
  it('does so at its start and then as often as told, says what failed, and stops', async () => {
    const { url, taken } = await receiver({}, { status: 400, body: 'duplicate sample' }, {});
    const { keep, clock } = pushingTo(url);
    const told: Pushed[] = [];
    const stop = keep((pushed) => told.push(pushed));
    for (const pushes of [1, 2, 3]) {
      await expect.poll(() => taken.length === pushes && clock.waiting() === 1).toBe(true);
      clock.advance(30_000);
    }
    await expect.poll(() => taken.length === 4 && clock.waiting() === 1).toBe(true);
    expect(told).toEqual([{ outcome: 'dropped', reason: 'the receiver answered 400: duplicate sample' }]);
    stop();
    expect(clock.waiting()).toBe(0);
  });

  it('stopped in the middle of a push gives it up and says nothing', async () => {
    const { url, taken, hungUp } = await receiver(undefined);
    const { keep, clock } = pushingTo(url);
    const told: Pushed[] = [];
    const stop = keep((pushed) => told.push(pushed));
    await expect.poll(() => taken.length).toBe(1);
    stop();
    await expect.poll(hungUp).toBe(1);
    await new Promise(setImmediate);
    expect(told).toEqual([]);
    expect(clock.waiting()).toBe(0);
  });

  it('that has nowhere to push to does nothing', () => {
    const clock = heldClock();
    const { store, queue, close } = openSqlite(':memory:', { clock });
    stores.push({ close });
    keepPushing({ store, queue, clock }, readConfig({}), secrets, () => undefined)();
    expect(clock.waiting()).toBe(0);
  });
});
