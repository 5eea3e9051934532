import { expect, test } from 'vitest';
import { fuzz } from './faults/fuzz/fuzz.ts';
import { readers, tryPayload } from './faults/fuzz/readers.ts';

test('ten thousand payloads nobody should send are read or refused with a reason, each at once', { timeout: 60_000 }, () => {
  const seed = Date.now() % 1_000_000_000;
  console.log(`again by: npm run fuzz -- --runs 10000 --seed ${seed}`);
  fuzz(10_000, seed);
});

test('the check itself sees what throws, hangs, or gives neither a result nor a reason', () => {
  const spin = (): undefined => {
    // By its own time on the processor, which is what counts, however busy the machine is.
    const begun = process.threadCpuUsage();
    for (let spent = 0; spent < 60_000; ) {
      const { user, system } = process.threadCpuUsage(begun);
      spent = user + system;
    }
  };
  const broken = (): never => {
    throw new Error('broken');
  };
  expect(tryPayload([{ name: 'a', read: spin }], '')).toMatch(/^a took \d+ ms/);
  expect(tryPayload([{ name: 'b', read: broken }], '')).toBe('b threw Error: broken');
  expect(tryPayload([{ name: 'c', read: () => 'no reason is given' }], '')).toBe('c: no reason is given');
  expect(tryPayload(readers.payloads, '{}')).toBeUndefined();
});
