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
    for (const until = performance.now() + 60; performance.now() < until; );
  };
  const broken = (): never => {
    throw new Error('broken');
  };
  expect(tryPayload([{ name: 'a', read: spin }], '')).toMatch(/^a took \d+ ms/);
  expect(tryPayload([{ name: 'b', read: broken }], '')).toBe('b threw Error: broken');
  expect(tryPayload([{ name: 'c', read: () => 'no reason is given' }], '')).toBe('c: no reason is given');
  expect(tryPayload(readers.payloads, '{}')).toBeUndefined();
});
