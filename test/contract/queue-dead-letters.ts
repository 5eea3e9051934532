import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Queue } from '../../infra/queue/port.ts';
import { aMessage } from '../fixtures/stored.ts';
import { bodies, receiveOne, second } from './queue-subject.ts';
import type { QueuePromises, QueueSubject } from './queue-subject.ts';

/** What every queue must do with what could not be handled. */
export const deadLettersContract = (name: string, promises: QueuePromises, factory: () => Promise<QueueSubject>): void => {
  describe(`queue contract: ${name}: dead letters`, () => {
    let queue: Queue;
    let pass: QueueSubject['pass'];
    beforeEach(async () => {
      ({ queue, pass } = await factory());
    });
    afterEach(() => queue.close());

    test('a buried message is kept with its reason and received no more', async () => {
      const message = aMessage('a', { group: 'release/pro/a/1' });
      await queue.send([message]);
      await queue.bury(await receiveOne(queue), 'no such document');
      await pass(2.1 * second);
      expect(await queue.receive('normal', 10, second)).toEqual([]);
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

    test('of a long text the beginning is kept, and no character is cut', async () => {
      const long = 'x' + '\u{1f680}'.repeat(300_000);
      await queue.park(long, 'http', 'too long');
      const kept = (await queue.deadLetters(1))[0]?.message;
      const raw = kept !== undefined && 'raw' in kept ? kept.raw : '';
      expect([long.startsWith(raw), raw.isWellFormed()]).toEqual([true, true]);
      const [least, most] = promises.keepsText;
      expect(Buffer.byteLength(raw)).toBeGreaterThanOrEqual(least);
      expect(Buffer.byteLength(raw)).toBeLessThanOrEqual(most);
    });

    test('a reason may say anything', async () => {
      await queue.park('', 'http', '');
      await queue.park('text', 'http', 'ä\u{1f680}\u0000\ufffe "quoted"\n');
      expect((await queue.deadLetters(10)).map(({ reason }) => reason).sort()).toEqual(['', 'ä\u{1f680}\u0000\ufffe "quoted"\n']);
    });

    test('an input is redriven afresh, though its id is known', async () => {
      const message = aMessage('a', { group: 'release/pro/a/1', body: bodies.input });
      await queue.send([message]);
      await queue.bury(await receiveOne(queue), 'odd');
      expect(await queue.redrive((await queue.deadLetters(1))[0]?.id ?? '')).toBe(true);
      expect(await receiveOne(queue)).toMatchObject({ message, attempts: 1 });
    });

    test('only as many are listed as asked for, and an unknown one is not redriven', async () => {
      for (const n of [1, 2, 3]) await queue.park(`text ${n}`, 'http', 'odd');
      const letters = await queue.deadLetters(10);
      expect(new Set(letters.map(({ id }) => id)).size).toBe(3);
      expect(await queue.deadLetters(2)).toHaveLength(2);
      for (const id of ['', 'nobody', '99']) expect(await queue.redrive(id)).toBe(false);
    });
  });
};
