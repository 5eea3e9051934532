import { canaryName, type Analysis } from '../../statemachines/definition/rollout.ts';
import type { Measurement } from '../metrics/port.ts';
import { rolloutOf, type Performer, type Performing } from './performing.ts';

/** Names that a query may use: `${canary}` and `${stable}` are Services, `${interval}` is as PromQL writes durations. */
const fill = (query: string, performing: Performing, seconds: number): string => {
  const rollout = rolloutOf(performing);
  const service = rollout.targets[0]?.workload.service ?? '';
  const values: Record<string, string> = { canary: canaryName(service), stable: service, namespace: rollout.namespace, interval: `${seconds}s` };
  return query.replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
};

/** Measures one named interval at its end, so that asking again gives the same numbers. */
export const lookAtMetrics: Performer<'analysis.look'> = async (params, performing) => {
  const analysis = rolloutOf(performing).analyses[params.analysis];
  const metrics = analysis === undefined ? undefined : performing.ports.metrics(analysis.provider);
  if (analysis === undefined || metrics === undefined)
    return { type: 'analysis.look.providerDown', reason: `no metrics provider is configured under the name ${JSON.stringify(analysis?.provider ?? params.analysis)}` };
  const seconds = Math.max(1, Math.round((params.to - params.from) / 1000));
  const ask = (query: string): Promise<Measurement> => metrics.query(fill(query, performing, seconds), params.to, performing.signal);
  return analysis.judgement.type === 'bound' ? bound(analysis.judgement.query, ask) : counters(analysis.judgement, ask);
};

type Ask = (query: string) => Promise<Measurement>;
const missing = (measurement: Exclude<Measurement, { outcome: 'value' }>) => ({ type: `analysis.look.${measurement.outcome}`, reason: measurement.reason });

const bound = async (query: string, ask: Ask) => {
  const measured = await ask(query);
  return measured.outcome === 'value' ? { type: 'analysis.look.done', value: measured.value } : missing(measured);
};

const counters = async (judgement: Extract<Analysis['judgement'], { type: 'counters' }>, ask: Ask) => {
  const sides: Record<'canary' | 'stable', { bad: number; all: number }> = { canary: { bad: 0, all: 0 }, stable: { bad: 0, all: 0 } };
  for (const side of ['canary', 'stable'] as const) {
    const [bad, all] = await Promise.all([ask(judgement[side].bad), ask(judgement[side].all)]);
    if (all.outcome !== 'value') return missing(all);
    // A counter of failures often does not exist before the first one.
    if (bad.outcome === 'providerDown') return missing(bad);
    sides[side] = { bad: bad.outcome === 'value' ? bad.value : 0, all: all.value };
  }
  return { type: 'analysis.look.done', ...sides };
};
