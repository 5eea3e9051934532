import { describe, expect, test } from 'vitest';
import { embedded } from './kit/embedded.ts';
import { classes, referencesOf, runClass } from './matrix.ts';

// A few cases of each class, evenly spread over all that `npm run faults` tries.

const some = 8;
const reference = referencesOf(embedded);

describe('SQLite and the sandbox: every kind of fault, and nothing is lost', () => {
  test.each(classes.map((fault) => [fault.name, fault] as const))('%s', { timeout: 60_000 }, async (_name, fault) => {
    const { first, tried, cases } = await runClass(fault, embedded, reference, { most: some, share: 0, of: 1 });
    expect(tried).toBe(Math.min(some, cases));
    expect(first).toBeUndefined();
  });
});
