import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Delivery, Message, Queue } from '../../infra/queue/port.ts';
import { aMessage } from '../fixtures/stored.ts';
import { receiveOne, second } from './queue-subject.ts';
import type { QueueSubject } from './queue-subject.ts';

type Lane = Message['lane'];

/** What every queue must do. `factory` makes an empty one; the suite closes it. */
export const queueContract = (name: string, factory: () => Promise<QueueSubject>): void => {
  describe(`queue contract: ${name}`, () => {
    let queue: Queue;
    let pass: QueueSubject['pass'];
    beforeEach(async () => {
      ({ queue, pass } = await factory());
    });
    afterEach(() => queue.close());

    const receive = (max = 10, lane: Lane = 'normal', visibilityMs = 2 * second): Promise<readonly Delivery[]> => queue.receive(lane, max, visibilityMs);
    const receiveIds = async (max?: number, lane?: Lane, visibilityMs?: number): Promise<readonly string[]> =>
      (await receive(max, lane, visibilityMs)).map(({ message }) => message.id).sort();

    describe('sending and receiving', () => {
      test('every kind of message comes back as it was sent', async () => {
        const document = 'release/pro/demo/1';
        const input = { id: 'i', document, event: { type: 'pause', note: 'ä\u{1f680}', n: [1, null] }, receivedAt: 5, by: 'ann' };
        const fact = { type: 'image.pushed', image: 'registry.example.com/demo', tag: '1.0.0', digest: 'sha256:1' } as const;
        const messages = [
          aMessage('input', { group: document, body: { type: 'input', input } }),
          aMessage('announcement', { body: { type: 'announcement', announcement: { id: 'p', fact, source: 'harbor', receivedAt: 5 } } }),
          aMessage('wake', { body: { type: 'wake', document } }),
        ];
        await queue.send(messages);
        const received = await receive();
        expect(received.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
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
      test('an id that is still queued is dropped: waiting, hidden or in flight', async () => {
        await queue.send([aMessage('a'), aMessage('a')]);
        await queue.send([aMessage('a')]);
        const delivery = await receiveOne(queue);
        await queue.send([aMessage('a')]);
        expect(await receive()).toEqual([]);
        await queue.release(delivery, second);
        await queue.send([aMessage('a')]);
        await pass(1.1 * second);
        expect(await receiveIds()).toEqual(['a']);
      });

      test('an id that was acknowledged or buried may be sent again', async () => {
        await queue.send([aMessage('a')]);
        await queue.acknowledge(await receiveOne(queue));
        await queue.send([aMessage('a')]);
        const again = await receiveOne(queue);
        expect(again.attempts).toBe(1);
        await queue.bury(again, 'odd');
        await queue.send([aMessage('a')]);
        expect(await receiveIds()).toEqual(['a']);
      });
    });

    describe('a received message', () => {
      test('is gone once acknowledged', async () => {
        await queue.send([aMessage('a')]);
        await queue.acknowledge(await receiveOne(queue));
        await pass(2.1 * second);
        expect(await receive()).toEqual([]);
      });

      test('comes back, counted, when its receiver says nothing', async () => {
        await queue.send([aMessage('a')]);
        await receiveOne(queue);
        await pass(second);
        expect(await receive()).toEqual([]);
        await pass(1.1 * second);
        expect((await receiveOne(queue)).attempts).toBe(2);
        await pass(2.1 * second);
        expect((await receiveOne(queue)).attempts).toBe(3);
      });

      test('comes back at once, or later, when it is released', async () => {
        await queue.send([aMessage('a')]);
        await queue.release(await receiveOne(queue), 0);
        const again = await receiveOne(queue);
        expect(again.attempts).toBe(2);
        await queue.release(again, second);
        expect(await receive()).toEqual([]);
        await pass(1.1 * second);
        expect((await receiveOne(queue)).attempts).toBe(3);
      });

      test('cannot be acknowledged, released or buried by an earlier receiver', async () => {
        await queue.send([aMessage('a')]);
        const stale = await receiveOne(queue);
        await pass(2.1 * second);
        const current = await receiveOne(queue, 'normal', 4 * second);
        await queue.acknowledge(stale);
        await queue.release(stale, 0);
        await queue.bury(stale, 'odd');
        expect(await receive()).toEqual([]);
        expect(await queue.deadLetters(10)).toEqual([]);
        await queue.release(current, 0);
        expect((await receiveOne(queue)).attempts).toBe(3);
      });

      test('with the id of an earlier one is not touched by the receipt of that one', async () => {
        await queue.send([aMessage('a')]);
        const earlier = await receiveOne(queue);
        await queue.acknowledge(earlier);
        await queue.send([aMessage('a')]);
        const later = await receiveOne(queue);
        await queue.acknowledge(earlier);
        await queue.release(earlier, 0);
        expect(await receive()).toEqual([]);
        await queue.release(later, 0);
        expect((await receiveOne(queue)).attempts).toBe(2);
      });
    });

    describe('groups', () => {
      const a = { group: 'release/pro/a/1' };
      const b = { group: 'release/pro/b/1' };

      test('one message of a group is in flight at a time, others go on', async () => {
        await queue.send([aMessage('a1', a), aMessage('a2', a), aMessage('b1', b), aMessage('x'), aMessage('y')]);
        const first = await receive();
        expect(first.map(({ message }) => message.group ?? message.id).sort()).toEqual([a.group, b.group, 'x', 'y']);
        expect(await receive()).toEqual([]);
      });

      test('the next of the group comes after an acknowledgement, a release, a burial and a receiver that died', async () => {
        await queue.send([aMessage('a1', a), aMessage('a2', a), aMessage('a3', a)]);
        const seen = new Set<string>();
        const next = async (): Promise<Delivery> => {
          const delivery = await receiveOne(queue);
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

    describe('dead letters', () => {
      test('a buried message is kept with its reason and received no more', async () => {
        const message = aMessage('a', { group: 'release/pro/a/1' });
        await queue.send([message]);
        await queue.bury(await receiveOne(queue), 'no such document');
        await pass(2.1 * second);
        expect(await receive()).toEqual([]);
        expect(await queue.deadLetters(10)).toEqual([{ id: expect.any(String), at: expect.any(Number), reason: 'no such document', message }]);
      });

      test('a redriven one is received afresh and is no dead letter any more', async () => {
        const message = aMessage('a', { lane: 'urgent' });
        await queue.send([message]);
        await queue.bury(await receiveOne(queue, 'urgent'), 'odd');
        const id = (await queue.deadLetters(10))[0]?.id ?? '';
        expect(await queue.redrive(id)).toBe(true);
        expect(await queue.redrive(id)).toBe(false);
        expect(await queue.deadLetters(10)).toEqual([]);
        expect(await receiveOne(queue, 'urgent')).toMatchObject({ message, attempts: 1 });
      });

      test('text that is no message is kept as it came, and cannot be redriven', async () => {
        await queue.park('{"half": ', 'sqs', 'not JSON');
        const [letter] = await queue.deadLetters(10);
        expect(letter).toMatchObject({ reason: 'not JSON', message: { raw: '{"half": ', source: 'sqs' } });
        expect(await queue.redrive(letter?.id ?? '')).toBe(false);
        expect(await queue.deadLetters(10)).toEqual([letter]);
      });

      test('of a long text the first MiB is kept, and no character is cut', async () => {
        await queue.park('x' + '\u{1f680}'.repeat(300_000), 'http', 'too long');
        const kept = (await queue.deadLetters(1))[0]?.message;
        const raw = kept !== undefined && 'raw' in kept ? kept.raw : '';
        expect(raw).toBe('x' + '\u{1f680}'.repeat((1_048_576 - 4) / 4));
      });

      test('only as many are listed as asked for, and an unknown one is not redriven', async () => {
        for (const n of [1, 2, 3]) await queue.park(`text ${n}`, 'http', 'odd');
        const letters = await queue.deadLetters(10);
        expect(new Set(letters.map(({ id }) => id)).size).toBe(3);
        expect(await queue.deadLetters(2)).toHaveLength(2);
        for (const id of ['', 'nobody', '99']) expect(await queue.redrive(id)).toBe(false);
      });
    });

    test('the backlog is what waits in view, in both lanes', async () => {
      expect(await queue.backlog()).toEqual({ waiting: 0 });
      await queue.send([aMessage('a'), aMessage('b'), aMessage('u', { lane: 'urgent' })]);
      await queue.send([aMessage('later')], 600 * second);
      expect((await queue.backlog()).waiting).toBe(3);
      await receive(1);
      expect((await queue.backlog()).waiting).toBe(2);
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
