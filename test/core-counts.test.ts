import { describe, expect, it } from 'vitest';
import { countedMetrics, countedUnder, sumCounts, type Counts } from '../statemachines/counts.ts';
import { rolloutOf, step } from './model/configs.ts';
import { driveRelease } from './model/driver.ts';

const seconds = 1_000;
const rollout = rolloutOf({ steps: [step(20, { holdMs: 40 * seconds }), step(60)] });
const sum = (counts: readonly Counts[]): Counts => counts.reduce(sumCounts, {});
const total = (counts: Counts, start: string): number =>
  Object.entries(counts)
    .filter(([sample]) => sample.startsWith(start))
    .reduce((all, [, amount]) => all + amount, 0);

const completed = (): Counts => {
  const release = driveRelease(rollout);
  release.until(/completed/);
  return sum(release.counts);
};

/** Aborted in the first step; the order waited, and so did the write. */
const aborted = (waited: number, wrote: number): Counts => {
  const release = driveRelease(rollout);
  release.until(/gating/);
  const received = release.now();
  release.at(received + waited);
  release.send({ type: 'abort', reason: 'bad' }, 'abort', { receivedAt: received });
  release.at(release.now() + wrote);
  release.until(/rolledBack/);
  return sum(release.counts);
};

describe('counting a release', () => {
  it('what began has ended once, and nothing is left under way', () => {
    const counts = completed();
    expect(counts).toMatchObject({ sluice_releases_started_total: 1, 'sluice_releases_ended_total{outcome="completed"}': 1 });
    const states = Object.entries(counts).filter(([sample]) => sample.startsWith('sluice_releases{'));
    expect(states.length).toBeGreaterThan(3);
    expect(states.filter(([, amount]) => amount !== 0)).toEqual([]);
  });

  it('each step is observed once, with the time from entering to leaving it', () => {
    const counts = completed();
    expect(total(counts, 'sluice_step_seconds_bucket')).toBe(2);
    expect(counts['sluice_step_seconds_bucket{le="60"}']).toBe(1);
    expect(counts['sluice_step_seconds_sum']).toBeGreaterThanOrEqual(40);
  });

  it('a way back is measured from the moment its signal was received, not judged', () => {
    const counts = aborted(400, 300);
    expect(counts['sluice_signal_to_route_seconds_sum']).toBeCloseTo(0.7, 6);
    expect(counts['sluice_signal_to_route_seconds_bucket{le="1"}']).toBe(1);
    expect(counts['sluice_releases_ended_total{outcome="rolledBack"}']).toBe(1);
  });

  it('how long an order waited is observed', () => {
    expect(aborted(400, 0)['sluice_input_wait_seconds_sum']).toBeCloseTo(0.4, 6);
  });

  it('effects are counted by outcome with the calls they cost', () => {
    const counts = completed();
    expect(counts['sluice_effects_total{effect="image.resolve",outcome="done"}']).toBe(1);
    expect(counts['sluice_cluster_calls_total']).toBe(2 * total(counts, 'sluice_effects_total'));
  });

  it('a completed release has no way back to observe', () => {
    expect(total(completed(), 'sluice_signal_to_route_seconds')).toBe(0);
  });

  it('every sample belongs to a metric that is described', () => {
    for (const sample of Object.keys({ ...completed(), ...aborted(1, 1) })) {
      const [name = ''] = sample.split('{');
      expect(Object.keys(countedMetrics)).toContain(name in countedMetrics ? name : name.replace(/_(bucket|sum)$/, ''));
    }
  });
});

it('the counts of a release belong to its rollout', () => {
  expect(countedUnder('release/pro/demo/17')).toBe('rollout/pro/demo');
  expect(countedUnder('rollout/pro/demo')).toBe('rollout/pro/demo');
});
