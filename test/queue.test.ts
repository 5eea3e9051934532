import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Delivery } from '../infra/queue/port.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import { arrivalsContract } from './contract/queue-arrivals.ts';
import { queueContract } from './contract/queue.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { aMessage } from './fixtures/stored.ts';

const open = (path = ':memory:', clock = heldClock()) => ({ ...openSqlite(path, { clock }), clock });

const subject = async () => {
  const { queue, clock } = open();
  return { queue, pass: async (ms: number) => clock.advance(ms) };
};
const every = ['input', 'announcement', 'wake'] as const;
// Of a long text exactly the first MiB, as far as no character is cut.
const keepsText = [1_048_573, 1_048_573] as const;
queueContract('SQLite', { drops: every, remembers: 'queued', groups: every, groupsTogether: false, tellsStale: every, keepsText, lateMs: 0, heldTime: true }, subject);
arrivalsContract('SQLite', subject);

describe('the SQLite queue', () => {
  test('gives messages in the order in which they became visible', async () => {
    const { queue, clock, close } = open();
    await queue.send([aMessage('delayed')], 10);
    await queue.send([aMessage('first'), aMessage('second')]);
    clock.advance(20);
    await queue.send([aMessage('last')]);
    expect((await queue.receive('normal', 10, 1_000)).map(({ message }) => message.id)).toEqual(['first', 'second', 'delayed', 'last']);
    await close();
  });

  test('never drops an urgent message for a normal one with its id', async () => {
    const { queue, close } = open();
    await queue.send([aMessage('a'), aMessage('a', { lane: 'urgent' }), aMessage('a', { lane: 'urgent' })]);
    expect(await queue.receive('urgent', 10, 1_000)).toHaveLength(1);
    expect(await queue.receive('normal', 10, 1_000)).toHaveLength(1);
    await close();
  });

  test('refuses a receipt of another make and a receive that hides nothing', async () => {
    const { queue, close } = open();
    const foreign: Delivery = { receipt: 'AQEB', message: aMessage('a'), attempts: 1 };
    await expect(queue.acknowledge(foreign)).rejects.toThrow('receipt "AQEB": not of this queue');
    await expect(queue.receive('normal', 1, 0)).rejects.toThrow('visibilityMs is 0, must be above 0');
    await close();
  });

  test('lists the newest dead letters first', async () => {
    const { queue, close } = open();
    for (const raw of ['old', 'new']) await queue.park(raw, 'http', 'odd');
    expect((await queue.deadLetters(1))[0]?.message).toMatchObject({ raw: 'new' });
    await close();
  });

  test('drops the dead letter when a message with its id is queued again already', async () => {
    const { queue, close } = open();
    await queue.send([aMessage('a')]);
    for (const delivery of await queue.receive('normal', 1, 1_000)) await queue.bury(delivery, 'odd');
    await queue.send([aMessage('a')]);
    expect(await queue.redrive((await queue.deadLetters(1))[0]?.id ?? '')).toBe(true);
    expect(await queue.deadLetters(1)).toEqual([]);
    expect(await queue.receive('normal', 10, 1_000)).toHaveLength(1);
    await close();
  });

  test('keeps messages, counts, delays and dead letters over a restart, and tells when a dead receiver’s message is back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-queue-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'sluice.db');
    const clock = heldClock();
    const before = open(path, clock);
    await before.queue.send([aMessage('a', { group: 'release/pro/a/1' }), aMessage('b', { group: 'release/pro/a/1' })]);
    const [first] = await before.queue.receive('normal', 10, 1_000);
    await before.queue.park('text', 'http', 'odd');
    await before.close();

    const { queue, close } = open(path, clock);
    expect(await queue.receive('normal', 10, 1_000)).toEqual([]);
    expect(await queue.deadLetters(10)).toHaveLength(1);
    const stop = new AbortController();
    const told = new Promise<void>((resolve) => queue.onArrival(resolve, stop.signal));
    clock.advance(1_000);
    await told;
    expect(await queue.receive('normal', 1, 1_000)).toMatchObject([{ message: { id: 'b' } }]);
    clock.advance(1_000);
    expect(await queue.receive('normal', 1, 1_000)).toMatchObject([{ message: first?.message, attempts: 2 }]);
    await close();
  });

  test('sets an alarm only while somebody listens and something is hidden', async () => {
    const { queue, clock, close } = open();
    await queue.send([aMessage('a')], 1_000);
    expect(clock.waiting()).toBe(0);
    const stop = new AbortController();
    let told = 0;
    queue.onArrival(() => told++, stop.signal);
    expect(clock.waiting()).toBe(1);
    await queue.send([aMessage('b')], 500);
    expect(clock.waiting()).toBe(1);
    clock.advance(500);
    for (const delivery of await queue.receive('normal', 10, 100)) await queue.acknowledge(delivery);
    expect([told, clock.waiting()]).toEqual([1, 1]);
    clock.advance(100);
    expect(await queue.receive('normal', 10, 100)).toEqual([]);
    expect([told, clock.waiting()]).toEqual([1, 1]);
    stop.abort();
    expect(clock.waiting()).toBe(0);
    await close();
  });

  test('tells once of many messages sent in one turn', async () => {
    const { queue, close } = open();
    const stop = new AbortController();
    let told = 0;
    queue.onArrival(() => told++, stop.signal);
    await Promise.all(['a', 'b', 'c'].map((id) => queue.send([aMessage(id)])));
    expect(await queue.receive('normal', 10, 1_000)).toHaveLength(3);
    expect(told).toBe(1);
    stop.abort();
    await close();
  });

  test('under any sequence of calls keeps one of a group in flight and loses nothing', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          call: fc.constant('send' as const),
          group: fc.option(fc.constantFrom('g1', 'g2'), { nil: undefined }),
          delay: fc.constantFrom(0, 0, 30),
        }),
      },
      { weight: 3, arbitrary: fc.record({ call: fc.constant('receive' as const), max: fc.integer({ min: 1, max: 3 }) }) },
      { weight: 3, arbitrary: fc.record({ call: fc.constantFrom('acknowledge' as const, 'release' as const, 'bury' as const), which: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ call: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const { queue, clock, close } = open();
        const queued = new Set<string>();
        const given: { readonly delivery: Delivery; readonly until: number }[] = [];
        const holder = new Map<string, { readonly delivery: Delivery; readonly until: number }>();
        let sent = 0;
        for (const one of steps) {
          if (one.call === 'wait') clock.advance(one.ms);
          if (one.call === 'send') {
            const id = `m${sent++}`;
            await queue.send([aMessage(id, one.group === undefined ? {} : { group: one.group })], one.delay);
            queued.add(id);
          }
          if (one.call === 'receive') {
            for (const delivery of await queue.receive('normal', one.max, 50)) {
              const { id, group } = delivery.message;
              expect(queued).toContain(id);
              for (const { delivery: other, until } of holder.values()) {
                if (until > clock.now()) expect(other.message.id !== id && (group === undefined || other.message.group !== group)).toBe(true);
              }
              const receipt = { delivery, until: clock.now() + 50 };
              given.push(receipt);
              holder.set(id, receipt);
            }
          }
          const chosen = 'which' in one && given.length > 0 ? given[one.which % given.length] : undefined;
          if (chosen === undefined || one.call === 'send' || one.call === 'receive' || one.call === 'wait') continue;
          const { id } = chosen.delivery.message;
          if (one.call === 'release') await queue.release(chosen.delivery, 10);
          if (one.call === 'acknowledge') await queue.acknowledge(chosen.delivery);
          if (one.call === 'bury') await queue.bury(chosen.delivery, 'odd');
          if (holder.get(id) !== chosen) continue;
          holder.delete(id);
          if (one.call !== 'release') queued.delete(id);
        }
        clock.advance(1_000);
        const left: string[] = [];
        for (;;) {
          const deliveries = await queue.receive('normal', 10, 50);
          if (deliveries.length === 0) break;
          for (const delivery of deliveries) {
            left.push(delivery.message.id);
            await queue.acknowledge(delivery);
          }
        }
        expect(left.sort()).toEqual([...queued].sort());
        await close();
      }),
      { numRuns: 100 },
    );
  });
});
