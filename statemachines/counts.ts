import type { Input, Millis } from '../events/input.ts';
import type { Document } from './document.ts';
import type { ReleaseContext } from './release/context.ts';

/** Increments of one step, or totals: name of a sample -> amount. A gauge goes up and down by the steps that enter and leave it. */
export type Counts = Readonly<Record<string, number>>;

interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Upper bounds of a histogram, ascending; one for everything above follows. */
  readonly buckets?: readonly number[];
}

/** Everything that is counted with the steps of documents. Names as Prometheus wants them: base units, `_total` for counters. */
export const countedMetrics = {
  sluice_releases_started_total: { type: 'counter', help: 'Releases begun.' },
  sluice_releases_ended_total: { type: 'counter', help: 'Releases ended, by outcome.' },
  sluice_releases: { type: 'gauge', help: 'Releases under way, by state.' },
  sluice_step_seconds: { type: 'histogram', help: 'Time from entering a step to leaving it.', buckets: [5, 15, 60, 300, 900, 3_600, 14_400, 86_400] },
  sluice_verdicts_total: { type: 'counter', help: 'Looks of analyses, by verdict.' },
  sluice_signal_to_route_seconds: {
    type: 'histogram',
    help: 'Time from receiving what sends everybody back to the routes being back.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
  },
  sluice_effects_total: { type: 'counter', help: 'Effects performed, by what came of them; each `unavailable` is tried again.' },
  sluice_cluster_calls_total: { type: 'counter', help: 'Requests to Kubernetes API servers.' },
  sluice_input_wait_seconds: { type: 'histogram', help: 'Time that inputs from outside waited until they were judged.', buckets: [0.01, 0.05, 0.25, 1, 5, 15, 60, 300] },
} as const satisfies Record<string, Metric>;

export type CountedMetric = keyof typeof countedMetrics;
type Histogram = { [N in CountedMetric]: (typeof countedMetrics)[N] extends { type: 'histogram' } ? N : never }[CountedMetric];

/** `name{label="value"}`. Label values are names out of definitions and tables, which hold neither quotes nor backslashes. */
export const sampleName = (name: string, labels: Readonly<Record<string, string>> = {}): string => {
  const spelled = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return spelled.length === 0 ? name : `${name}{${spelled.join(',')}}`;
};

/** What this step of a document adds to the totals. Pure, so that a step that is judged twice but saved once counts once. */
export const countsOf = (before: Document, after: Document, input: Input, now: Millis): Counts => {
  const counts: Record<string, number> = {};
  const add = (name: CountedMetric, labels?: Readonly<Record<string, string>>, amount = 1): void => {
    const sample = sampleName(name, labels);
    counts[sample] = (counts[sample] ?? 0) + amount;
  };
  /** Buckets are kept apart, not one within the other: one increment an observation. */
  const observe = (name: Histogram, ms: Millis): void => {
    const seconds = Math.max(0, ms) / 1_000;
    const bound = countedMetrics[name].buckets.find((one) => seconds <= one);
    counts[sampleName(`${name}_bucket`, { le: bound === undefined ? '+Inf' : String(bound) })] = 1;
    counts[`${name}_sum`] = seconds;
  };

  if (input.effect !== undefined) {
    add('sluice_effects_total', { effect: input.effect.name, outcome: input.event.type.slice(input.effect.name.length + 1) });
    if (input.cost !== undefined && input.cost.calls > 0) add('sluice_cluster_calls_total', {}, input.cost.calls);
  } else if (input.timer === undefined) observe('sluice_input_wait_seconds', now - input.receivedAt);
  if (after.kind === 'release') countRelease(before, after, now, add, observe);
  return counts;
};

const phaseOf = ({ snapshot }: Document): string => (typeof snapshot.value === 'string' ? snapshot.value : (Object.keys((snapshot.value ?? {}) as object)[0] ?? ''));
const contextOf = (document: Document): ReleaseContext => document.snapshot.context as unknown as ReleaseContext;

const countRelease = (
  before: Document,
  after: Document,
  now: Millis,
  add: (name: CountedMetric, labels?: Readonly<Record<string, string>>, amount?: number) => void,
  observe: (name: Histogram, ms: Millis) => void,
): void => {
  const context = contextOf(after);
  const began = before.version === 0;
  const was = began ? undefined : phaseOf(before);
  const is = phaseOf(after);
  const over = after.snapshot.status === 'done';
  if (began) add('sluice_releases_started_total');
  if (was !== is) {
    if (was !== undefined) add('sluice_releases', { state: was }, -1);
    if (over) add('sluice_releases_ended_total', { outcome: context.ending?.outcome ?? is });
    else add('sluice_releases', { state: is });
  }
  if (began) return;
  const earlier = contextOf(before);
  if (was === 'stepping' && (is !== was || context.step !== earlier.step)) observe('sluice_step_seconds', now - earlier.stepSince);
  for (const [analysis, { looks, last }] of Object.entries(context.analyses))
    if (last !== undefined && looks > (earlier.analyses[analysis]?.looks ?? 0)) add('sluice_verdicts_total', { analysis, verdict: last.kind });
  if (was === 'rollingBack' && owed(earlier) > 0 && owed(context) === 0 && context.signalAt !== undefined) observe('sluice_signal_to_route_seconds', now - context.signalAt);
};

/** Routes that are not back yet. */
const owed = ({ restoring }: ReleaseContext): number => restoring.pending.length + restoring.failed.length;

/** The sum of two; what adds up to nothing stays, because a gauge at 0 is not an absent one. */
export const sumCounts = (a: Counts, b: Counts): Counts => {
  const sum: Record<string, number> = { ...a };
  for (const [sample, amount] of Object.entries(b)) sum[sample] = (sum[sample] ?? 0) + amount;
  return sum;
};

/** The rollout that a document's counts belong to: its own, or that of the release. */
export const countedUnder = (document: string): string => (document.startsWith('release/') ? `rollout/${document.split('/').slice(1, 3).join('/')}` : document);
