import { expect, it } from 'vitest';
import { dueTimers } from '../statemachines/advance.ts';
import type { Analysis } from '../statemachines/definition/rollout.ts';
import { rolloutOf, step } from './model/configs.ts';
import { driveRelease } from './model/driver.ts';

const looks = 1_000;
const largest = 32 * 1_024;

const comparing: Analysis = {
  provider: 'prometheus',
  intervalMs: 10_000,
  warmUpMs: 0,
  passes: looks + 1,
  failures: looks,
  onNoData: 'wait',
  onProviderDown: 'pause',
  judgement: { type: 'bound', query: 'sum(rate(http_requests_total{service="demo",code=~"5.."}[1m])) / sum(rate(http_requests_total{service="demo"}[1m]))', max: 1 },
};

it('a document stays below 32 KiB after 1,000 looks of five metrics', () => {
  const names = ['errors', 'latency', 'saturation', 'queue', 'restarts'];
  const release = driveRelease(rolloutOf({ steps: [step(20, { analyses: names }), step(60)], analyses: Object.fromEntries(names.map((name) => [name, comparing])) }));
  release.until(/gating/);
  const first = JSON.stringify(release.document()).length;
  let most = first;
  const taken = (): number => Math.min(...names.map((name) => release.context().analyses[name]?.looks ?? 0));
  while (taken() < looks) {
    for (const wish of release.wishes()) release.answer(wish, 'done', { value: Math.abs(Math.sin(taken())) });
    release.at(Math.min(...Object.values(release.document().timers).map(({ dueAt }) => dueAt)));
    for (const timer of dueTimers(release.document(), release.now())) release.take(timer);
    most = Math.max(most, Buffer.byteLength(JSON.stringify(release.document())));
  }
  expect(release.place()).toMatch(/gating/);
  expect(most).toBeLessThan(largest);
  // It keeps sums, not samples: the last look makes it no larger than the tenth did.
  expect(most - first).toBeLessThan(4_096);
});
