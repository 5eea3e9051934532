import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Body, Delivery, Message, Queue } from '../../infra/queue/port.ts';
import { aMessage } from '../fixtures/stored.ts';
import { deadLettersContract } from './queue-dead-letters.ts';
import { bodies, onlyOne, second } from './queue-subject.ts';
import type { QueuePromises, QueueSubject } from './queue-subject.ts';

type Lane = Message['lane'];
const glanceMs = 100;

/** What every queue must do, and what this one promises besides. `factory` makes an empty one; the suite closes it. */
export const queueContract = (name: string, promises: QueuePromises, factory: () => Promise<QueueSubject>): void => {
  deadLettersContract(name, promises, factory);
  describe(`queue contract: ${name}`, () => {
    let queue: Queue;
    let pass: QueueSubject['pass'];
    beforeEach(async () => {
      ({ queue, pass } = await factory());
    });
    afterEach(() => queue.close());

    const receive = (max = 10, lane: Lane = 'normal', visibilityMs = 2 * second): Promise<readonly Delivery[]> => queue.receive(lane, max, visibilityMs);
    const receiveIds = async (max?: number, lane?: Lane, visibilityMs?: number): Promise<readonly string[]> =>
      (await arriving(() => receive(max, lane, visibilityMs))).map(({ message }) => message.id).sort();
    /** What must be in view by now, or as late as this queue may be. */
    const arriving = async (look: () => Promise<readonly Delivery[]>): Promise<readonly Delivery[]> => {
      for (let late = 0; ; late += glanceMs) {
        const found = await look();
        if (found.length > 0 || late >= promises.lateMs) return found;
        await pass(glanceMs);
      }
    };
    const receiveOne = async (lane: Lane = 'normal', visibilityMs = 2 * second): Promise<Delivery> => onlyOne(await arriving(() => receive(1, lane, visibilityMs)));

    describe('sending and receiving', () => {
      test('every kind of message comes back as it was sent', async () => {
        const document = 'release/pro/demo/1';
        const event = { type: 'pause', note: 'ä\u{1f680}\u0000\u007f\ufffe\uffff\ud800', n: [1, null] };
        const messages = [
          aMessage('input', { group: document, body: { type: 'input', input: { id: 'i', document, event, receivedAt: 5, by: 'ann', trace: 't' } } }),
          aMessage('announcement', { body: bodies.announcement }),
          aMessage('wake', { body: bodies.wake }),
          aMessage('a long id \u{1f680} '.repeat(20), { group: `release/${'n'.repeat(63)}/${'m'.repeat(63)}/1`, body: bodies.input }),
        ];
        await queue.send(messages);
        const received = await receive();
        expect(received.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1]);
        expect(received.map(({ message }) => message)).toEqual(expect.arrayContaining(messages));
      });

      test('an empty queue gives an empty list, and sending nothing is fine', async () => {
        await queue.send([]);
        expect(await receive()).toEqual([]);
        expect(await receive(10, 'urgent')).toEqual([]);
      });

      test('a receive gives at most as many as asked for', async () => {
        await queue.send(['a', 'b', 'c'].map((id) => aMessage(id)));
        expect(await receive(2)).toHaveLength(2);
        expect(await receive(2)).toHaveLength(1);
      });

      test('each lane gives its own messages only', async () => {
        await queue.send([aMessage('slow'), aMessage('fast', { lane: 'urgent' })]);
        expect(await receiveIds(10, 'urgent')).toEqual(['fast']);
        expect(await receiveIds(10, 'normal')).toEqual(['slow']);
      });

      test('receivers at the same time never get the same message', async () => {
        const ids = Array.from({ length: 30 }, (_, n) => `m${n + 10}`);
        await queue.send(ids.map((id) => aMessage(id)));
        const received = await Promise.all(Array.from({ length: 6 }, () => receiveIds(5, 'normal', 60 * second)));
        expect(received.flat().sort()).toEqual(ids);
      });

      test('a delayed message stays hidden for that long', async () => {
        await queue.send([aMessage('late')], 2 * second);
        expect(await receive()).toEqual([]);
        await pass(second);
        expect(await receive()).toEqual([]);
        await pass(1.1 * second);
        expect(await receiveIds()).toEqual(['late']);
      });
    });

    describe('deduplication', () => {
      test.each(promises.drops)('the id of an %s that is still queued is dropped: waiting, hidden or in flight', async (kind) => {
        const a = aMessage('a', { body: bodies[kind] });
        await queue.send([a, a]);
        await queue.send([a]);
        const delivery = await receiveOne();
        await queue.send([a]);
        expect(await receive()).toEqual([]);
        await queue.release(delivery, second);
        await queue.send([a]);
        await pass(1.1 * second);
        expect(await receiveIds()).toEqual(['a']);
      });

      const again: readonly Body['type'][] = promises.remembers === 'queued' ? ['input', 'announcement', 'wake'] : ['wake'];
      test.each(again)('the id of an %s that was acknowledged or buried may be sent again', async (kind) => {
        const a = aMessage('a', { body: bodies[kind] });
        await queue.send([a]);
        await queue.acknowledge(await receiveOne());
        await queue.send([a]);
        const delivery = await receiveOne();
        expect(delivery.attempts).toBe(1);
        await queue.bury(delivery, 'odd');
        await queue.send([a]);
        expect(await receiveIds()).toEqual(['a']);
      });

      test.each(promises.remembers === 'queued' ? [] : (['input', 'announcement'] as const))('the id of an %s is dropped for five minutes', async (kind) => {
        const a = aMessage('a', { body: bodies[kind] });
        await queue.send([a]);
        await queue.acknowledge(await receiveOne());
        await queue.send([a]);
        expect(await receive()).toEqual([]);
        if (!promises.heldTime) return;
        await pass(301 * second);
        await queue.send([a]);
        expect(await receiveIds()).toEqual(['a']);
      });
    });

    describe.each(['input', 'wake'] as const)('a received %s', (kind) => {
      const a = aMessage('a', { body: bodies[kind] });

      test('is gone once acknowledged', async () => {
        await queue.send([a]);
        await queue.acknowledge(await receiveOne());
        await pass(2.1 * second);
        expect(await receive()).toEqual([]);
      });

      test('comes back, counted, when its receiver says nothing', async () => {
        await queue.send([a]);
        await receiveOne();
        await pass(second);
        expect(await receive()).toEqual([]);
        await pass(1.1 * second);
        expect((await receiveOne()).attempts).toBe(2);
        await pass(2.1 * second);
        expect((await receiveOne()).attempts).toBe(3);
      });

      test('comes back at once, or later, when it is released', async () => {
        await queue.send([a]);
        await queue.release(await receiveOne(), 0);
        const again = await receiveOne();
        expect(again.attempts).toBe(2);
        await queue.release(again, second);
        expect(await receive()).toEqual([]);
        await pass(1.1 * second);
        expect((await receiveOne()).attempts).toBe(3);
      });

      test.each(promises.tellsStale.includes(kind) ? [kind] : [])('cannot be acknowledged, released or buried by an earlier receiver', async () => {
        await queue.send([a]);
        const stale = await receiveOne();
        await pass(2.1 * second);
        const current = await receiveOne('normal', 4 * second);
        await queue.acknowledge(stale);
        await queue.release(stale, 0);
        await queue.bury(stale, 'odd');
        expect(await receive()).toEqual([]);
        expect(await queue.deadLetters(10)).toEqual([]);
        await queue.release(current, 0);
        expect((await receiveOne()).attempts).toBe(3);
      });

      test('may be acknowledged and released by whoever had it when it is gone', async () => {
        await queue.send([a]);
        const delivery = await receiveOne();
        await queue.acknowledge(delivery);
        await queue.acknowledge(delivery);
        await queue.release(delivery, 0);
        expect(await receive()).toEqual([]);
      });

      test.each(promises.remembers === 'queued' || kind === 'wake' ? [kind] : [])('with the id of an earlier one is not touched by the receipt of that one', async () => {
        await queue.send([a]);
        const earlier = await receiveOne();
        await queue.acknowledge(earlier);
        await queue.send([a]);
        const later = await receiveOne();
        await queue.acknowledge(earlier);
        await queue.release(earlier, 0);
        expect(await receive()).toEqual([]);
        await queue.release(later, 0);
        expect((await receiveOne()).attempts).toBe(2);
      });
    });

    describe.each(promises.groups)('groups of an %s', (kind) => {
      const a = { group: 'release/pro/a/1', body: bodies[kind] };
      const b = { group: 'release/pro/b/1', body: bodies[kind] };
      const x = { body: bodies[kind] };

      test('while one of a group is in flight no other is received, and others go on', async () => {
        await queue.send([aMessage('a1', a), aMessage('a2', a), aMessage('b1', b), aMessage('x', x), aMessage('y', x)]);
        const first = (await receive()).map(({ message }) => message.id);
        const inOrder = promises.groupsTogether && first.includes('a2') ? ['a1', 'a2'] : ['a1'];
        expect(first.filter((id) => id.startsWith('a'))).toEqual(inOrder);
        expect(first.filter((id) => !id.startsWith('a')).sort()).toEqual(['b1', 'x', 'y']);
        expect(await receive()).toEqual([]);
      });

      test('the next of the group comes after an acknowledgement, a release, a burial and a receiver that died', async () => {
        await queue.send([aMessage('a1', a), aMessage('a2', a), aMessage('a3', a)]);
        const seen = new Set<string>();
        const next = async (): Promise<Delivery> => {
          const delivery = await receiveOne();
          seen.add(delivery.message.id);
          expect(await receive()).toEqual([]);
          return delivery;
        };
        await queue.release(await next(), 0);
        await next();
        await pass(2.1 * second);
        await queue.acknowledge(await next());
        await queue.bury(await next(), 'odd');
        await queue.acknowledge(await next());
        expect(seen).toEqual(new Set(['a1', 'a2', 'a3']));
        expect(await receive()).toEqual([]);
      });

      test('a delayed message does not hold back its group', async () => {
        await queue.send([aMessage('later', a)], 5 * second);
        await queue.send([aMessage('now', a)]);
        expect(await receiveIds()).toEqual(['now']);
      });

      test('the urgent lane ignores them, and does not hold back the normal lane', async () => {
        await queue.send([aMessage('n1', a), aMessage('u1', { ...a, lane: 'urgent' }), aMessage('u2', { ...a, lane: 'urgent' })]);
        expect(await receiveIds(1, 'urgent')).toHaveLength(1);
        expect(await receiveIds(10, 'normal')).toEqual(['n1']);
        expect(await receiveIds(10, 'urgent')).toHaveLength(1);
      });
    });

    test('the backlog is what waits in view, in both lanes', async () => {
      expect(await queue.backlog()).toEqual({ waiting: 0, dead: 0 });
      await queue.send([aMessage('a'), aMessage('b'), aMessage('u', { lane: 'urgent' })]);
      await queue.send([aMessage('later')], 600 * second);
      expect((await queue.backlog()).waiting).toBe(3);
      await receive(1);
      expect((await queue.backlog()).waiting).toBe(2);
      await queue.park('text', 'http', 'odd');
      expect((await queue.backlog()).dead).toBe(1);
    });

    test('a closed queue refuses; closing twice is fine', async () => {
      const { queue: other } = await factory();
      await other.close();
      await other.close();
      await expect(other.send([aMessage('a')])).rejects.toThrow('closed');
      await expect(other.receive('normal', 1, second)).rejects.toThrow('closed');
    });
  });
};
