import { afterAll, describe, expect, test } from 'vitest';
import { aws, closeEmulators } from './kit/aws.ts';
import { classes, referencesOf, runClass } from './matrix.ts';

// A case or two of each class; `npm run faults` tries many more.

const some = 2;
const reference = referencesOf(aws);
afterAll(closeEmulators);

describe('DynamoDB and SQS: every kind of fault, and nothing is lost', () => {
  test.each(classes.map((fault) => [fault.name, fault] as const))('%s', { timeout: 120_000 }, async (_name, fault) => {
    const { first, tried, cases } = await runClass(fault, aws, reference, { most: some, share: 0, of: 1 });
    expect(tried).toBe(Math.min(some, cases));
    expect(first).toBeUndefined();
  });
});
