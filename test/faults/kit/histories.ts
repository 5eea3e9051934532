import { definition } from '../../fixtures/demo.ts';
import type { Act } from './driver.ts';
import { contextOf, phaseOf } from './watched.ts';
import type { World } from './world.ts';

/** What comes from outside in the course of a release, and what it is released by. */
export interface History {
  readonly name: string;
  readonly definition: string;
  readonly acts: readonly Act[];
  /** The phase in which each release ends. */
  readonly ends: readonly string[];
}

const now = (): boolean => true;
const pushed = (tag: string, when: Act['when'] = now): Act => ({ name: `push ${tag}`, when, do: (world) => world.push(tag) });
/** Users in this share are on the canary of release n, and it stands at its gates. */
const standsAt = (weight: number, n = 1) => (world: World): boolean => {
  const release = world.release(n);
  return release !== undefined && phaseOf(release) === 'stepping' && contextOf(release).seen['demo/IngressRoute/demo']?.canary === weight && JSON.stringify(release.snapshot.value).includes('gating');
};
const inPhase = (phase: string, n = 1) => (world: World): boolean => {
  const release = world.release(n);
  return release !== undefined && phaseOf(release) === phase;
};

/** The alert that the histories' policy is about; it begins when it is sent. */
export const fire = (world: World): Promise<void> => {
  const startsAt = world.clock.now();
  return world.announce(`alert/test/f1/${startsAt}/firing`, { type: 'alert', status: 'firing', fingerprint: 'f1', labels: { alertname: 'Ill', severity: 'critical' }, summary: 'too many errors', startsAt });
};

// Longer than a message is hidden and a tick apart, so that whoever recovers does so in the same step.
const steps = 'steps: [{weight: 20, hold: 90s}, {weight: 60, hold: 90s}, {weight: 100}]';
const rest = 'watch: 90s\nliveness: 5m\nalerts: [{match: {severity: critical}, do: rollback}]';
const plain = definition(`${steps}\n${rest}`);

export const promoted: History = { name: 'promoted', definition: plain, acts: [pushed('1.1.0')], ends: ['completed'] };
export const aborted: History = {
  name: 'aborted',
  definition: plain,
  acts: [pushed('1.1.0'), { name: 'abort', when: standsAt(60), do: (world) => world.order('command/ada/1', 'release/pro/demo/1', { type: 'abort', reason: 'test' }) }],
  ends: ['rolledBack'],
};
export const alerted: History = { name: 'alerted', definition: plain, acts: [pushed('1.1.0'), { name: 'alert', when: inPhase('watching'), do: fire }], ends: ['rolledBack'] };
export const superseded: History = { name: 'superseded', definition: plain, acts: [pushed('1.1.0'), pushed('1.2.0', standsAt(20))], ends: ['rolledBack', 'completed'] };
export const approved: History = {
  name: 'approved',
  definition: definition(`steps: [{weight: 20, approval: {question: Good}}, {weight: 100}]\n${rest}`),
  acts: [pushed('1.1.0'), { name: 'approve', when: standsAt(20), do: (world) => world.order('command/ada/2', 'release/pro/demo/1', { type: 'approve', step: 0, question: 'Good' }) }],
  ends: ['completed'],
};

/** Three looks of ten seconds must pass. */
export const measured: History = {
  name: 'measured',
  definition: definition(`steps: [{weight: 20, analysis: health}, {weight: 100}]\n${rest}\nanalyses: {health: {interval: 10s, query: 'errors', max: 0.05, passes: 3}}`),
  acts: [pushed('1.1.0')],
  ends: ['completed'],
};

export const histories = [promoted, aborted, alerted, superseded, approved] as const;
