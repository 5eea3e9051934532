import type { DocumentId, Millis } from '../../events/input.ts';
import { countedMetrics, sampleName, type CountedMetric, type Counts } from '../../statemachines/counts.ts';
import type { Ending } from '../../statemachines/release/context.ts';
import type { Backlog } from '../queue/port.ts';

/** One number of a metric. `undefined`: it cannot be told now, which ends what was said of it before. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | undefined;
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export type Totals = readonly { readonly rollout: DocumentId; readonly counts: Counts }[];

/** What is looked up when somebody asks. */
const queueMetrics = {
  sluice_queue_waiting: { type: 'gauge', help: 'Messages that could be taken and were not yet.' },
  sluice_queue_oldest_seconds: { type: 'gauge', help: 'How long the oldest of them waits; absent while none does, or where the queue cannot tell.' },
  sluice_dead_letters: { type: 'gauge', help: 'Messages that were given up and wait for a person.' },
} as const;

interface Described {
  readonly type: Family['type'];
  readonly help: string;
  /** Upper bounds of a histogram, ascending. */
  readonly buckets?: readonly number[];
}

/** Every metric there is, by name. */
export const metricTable: Readonly<Record<string, Described>> = { ...countedMetrics, ...queueMetrics };

const outcomes = { completed: 0, rolledBack: 0, cancelled: 0, refused: 0 } satisfies Record<Ending['outcome'], 0>;

/** Rare events of each rollout begin at 0: a counter that is first seen at 1 has not increased. */
const beginnings: Counts = {
  sluice_releases_started_total: 0,
  ...Object.fromEntries(Object.keys(outcomes).map((outcome) => [sampleName('sluice_releases_ended_total', { outcome }), 0])),
  sluice_step_seconds_sum: 0,
  sluice_signal_to_route_seconds_sum: 0,
} satisfies Partial<Record<CountedMetric | `${CountedMetric}_sum`, 0>>;

/** The metrics in Prometheus' own shape: those of rollouts with their labels, and those of the queue where a backlog is given. */
export const expose = (totals: Totals, now: Millis, backlog?: Backlog): readonly Family[] => {
  const samples = new Map<string, Sample[]>(Object.keys(metricTable).map((name) => [name, []]));
  for (const { rollout, counts } of totals.toSorted((a, b) => (a.rollout < b.rollout ? -1 : 1))) {
    const [, namespace = '', name = ''] = rollout.split('/');
    for (const [family, series] of grouped({ ...beginnings, ...counts }))
      for (const one of series) samples.get(family)?.push(...samplesOf(family, one, { namespace, rollout: name }));
  }
  if (backlog !== undefined) {
    const say = (name: keyof typeof queueMetrics, value: number | undefined): void => void samples.get(name)?.push({ name, labels: {}, value });
    say('sluice_queue_waiting', backlog.waiting);
    say('sluice_queue_oldest_seconds', backlog.since === undefined ? undefined : Math.max(0, now - backlog.since) / 1_000);
    say('sluice_dead_letters', backlog.dead);
  }
  return Object.entries(metricTable)
    .map(([name, { type, help }]) => ({ name, type, help, samples: samples.get(name) ?? [] }))
    .filter((family) => family.samples.length > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
};

/** What was counted under one set of labels: an amount, or the parts of a histogram. */
interface Series {
  readonly labels: Readonly<Record<string, string>>;
  amount: number;
  /** Upper bound -> observations that fell between it and the one below. */
  readonly buckets: Map<number, number>;
}

/** Samples of one rollout by metric, then by labels. What this version has no name for is left out. */
const grouped = (counts: Counts): ReadonlyMap<string, readonly Series[]> => {
  const families = new Map<string, Map<string, Series>>();
  for (const [sample, amount] of Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const [, name = '', spelled = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(sample) ?? [];
    const family = Object.hasOwn(metricTable, name) ? name : name.replace(/_(bucket|sum)$/, '');
    if (!Object.hasOwn(metricTable, family)) continue;
    const { le, ...labels } = Object.fromEntries([...spelled.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value])) as Record<string, string>;
    const ofFamily = families.get(family) ?? new Map<string, Series>();
    families.set(family, ofFamily);
    const key = JSON.stringify(labels);
    const series = ofFamily.get(key) ?? { labels, amount: 0, buckets: new Map() };
    ofFamily.set(key, series);
    if (le === undefined) series.amount = amount;
    else series.buckets.set(le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), amount);
  }
  return new Map([...families].map(([family, ofFamily]) => [family, [...ofFamily.values()]]));
};

const samplesOf = (family: string, { labels, amount, buckets }: Series, rollout: Readonly<Record<string, string>>): readonly Sample[] => {
  const all = { ...rollout, ...labels };
  const bounds = metricTable[family]?.buckets;
  if (bounds === undefined) return [{ name: family, labels: all, value: amount }];
  // Bounds of an earlier version stay where something was counted under them: what a bucket holds may never shrink.
  const union = [...new Set([...bounds, ...buckets.keys(), Number.POSITIVE_INFINITY])].toSorted((a, b) => a - b);
  let below = 0;
  const cumulative = union.map((bound) => {
    below += buckets.get(bound) ?? 0;
    return { name: `${family}_bucket`, labels: { ...all, le: bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound) }, value: below };
  });
  return [...cumulative, { name: `${family}_sum`, labels: all, value: amount }, { name: `${family}_count`, labels: all, value: below }];
};

/** What `exposition` writes, as HTTP names it. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** The text format of Prometheus, version 0.0.4. */
export const exposition = (families: readonly Family[]): string =>
  families
    .flatMap(({ name, type, help, samples }) => {
      const lines = samples.flatMap(({ name: sample, labels, value }) => (value === undefined ? [] : [`${sampleName(sample, escaped(labels))} ${value}`]));
      return lines.length === 0 ? [] : [`# HELP ${name} ${escape(help)}`, `# TYPE ${name} ${type}`, ...lines];
    })
    .map((line) => `${line}\n`)
    .join('');

const escape = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escaped = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, escape(value).replaceAll('"', '\\"')]));
