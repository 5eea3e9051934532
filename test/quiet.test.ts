import { describe, expect, it } from 'vitest';
import { quietHalfHour, tickAmong } from '../bench/quiet.ts';

describe('a quiet release', () => {
  it.each(['to nobody', 'behind a router that is not fragile'] as const)('makes no call and no run while it holds, shown %s', async (shown) => {
    expect(await quietHalfHour(shown)).toEqual({ calls: 0, runs: 0 });
  });

  it('is looked at after all when its router is fragile', async () => {
    const { calls, runs } = await quietHalfHour('behind a fragile router');
    // Half an hour at one look every 10 s; ticks come every 10 s as well, so some looks wait for the next one.
    expect(calls).toBeGreaterThan(80);
    expect(runs).toBe(calls);
  });
});

describe('a tick', () => {
  it.each([1, 100, 10_000])('asks one question and reads nothing among %i quiet releases', async (releases) => {
    const { questions, items, sent } = await tickAmong(releases, 3);
    expect({ questions, items, sent }).toEqual({ questions: 1, items: 0, sent: 0 });
  });
});
