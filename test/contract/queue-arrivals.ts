import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ArrivalQueue } from '../../infra/queue/port.ts';
import { aMessage } from '../fixtures/stored.ts';
import { receiveOne, second } from './queue-subject.ts';
import type { QueueSubject } from './queue-subject.ts';

/** What a queue that tells listeners must do besides. */
export const arrivalsContract = (name: string, factory: () => Promise<QueueSubject & { readonly queue: ArrivalQueue }>): void => {
  describe(`queue contract: ${name}: arrivals`, () => {
    let queue: ArrivalQueue;
    let pass: QueueSubject['pass'];
    beforeEach(async () => {
      ({ queue, pass } = await factory());
    });
    afterEach(() => queue.close());

    /** Does `act` and resolves when the listener has been called since; never, if it is not. */
    const tellsOf = async (act: () => Promise<unknown>): Promise<void> => {
      const stop = new AbortController();
      const told = new Promise<void>((resolve) => queue.onArrival(resolve, stop.signal));
      await act();
      await told;
      stop.abort();
    };

    test('a message that was sent is told of', async () => {
      await tellsOf(() => queue.send([aMessage('a')]));
      await tellsOf(() => queue.send([aMessage('u', { lane: 'urgent' })]));
    });

    test('a delayed message is told of when its time comes', async () => {
      await tellsOf(async () => {
        await queue.send([aMessage('a')], second);
        await pass(1.1 * second);
      });
      expect((await receiveOne(queue)).message.id).toBe('a');
    });

    test('a message whose receiver died is told of', async () => {
      await queue.send([aMessage('a')]);
      await tellsOf(async () => {
        await receiveOne(queue, 'normal', second);
        await pass(1.1 * second);
      });
      expect((await receiveOne(queue)).message.id).toBe('a');
    });

    test('a released and a redriven message are told of', async () => {
      await queue.send([aMessage('a')]);
      const first = await receiveOne(queue);
      await tellsOf(() => queue.release(first, 0));
      const again = await receiveOne(queue);
      await tellsOf(async () => {
        await queue.release(again, second);
        await pass(1.1 * second);
      });
      await queue.bury(await receiveOne(queue), 'odd');
      const id = (await queue.deadLetters(1))[0]?.id ?? '';
      await tellsOf(() => queue.redrive(id));
    });

    test('the end of a delivery tells when others of its group wait', async () => {
      const group = 'release/pro/a/1';
      await queue.send(['a1', 'a2', 'a3', 'a4'].map((id) => aMessage(id, { group })));
      const first = await receiveOne(queue);
      await tellsOf(() => queue.acknowledge(first));
      const next = await receiveOne(queue);
      await tellsOf(() => queue.bury(next, 'odd'));
      const last = await receiveOne(queue);
      await tellsOf(() => queue.release(last, 60 * second));
      await receiveOne(queue);
    });

    test('nothing is told any more after the signal', async () => {
      const stop = new AbortController();
      let told = 0;
      queue.onArrival(() => told++, stop.signal);
      stop.abort();
      queue.onArrival(() => told++, stop.signal);
      await tellsOf(() => queue.send([aMessage('a')]));
      expect(told).toBe(0);
    });
  });
};
