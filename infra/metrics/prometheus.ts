import * as z from 'zod';
import { readJson, show } from '../../events/bounds.ts';
import type { Millis } from '../../events/input.ts';
import { authorization, type Auth } from '../outbound/authorization.ts';
import type { Allowance, Outbound, OutboundResult } from '../outbound/port.ts';
import type { Secrets } from '../secrets/port.ts';
import type { Measurement, Metrics } from './port.ts';

export interface PrometheusOptions {
  /** Where the API begins, a path prefix included: `https://prometheus.example.com/prefix`. */
  readonly url: string;
  readonly send: Outbound;
  readonly secrets: Secrets;
  readonly auth?: Auth;
  readonly allow?: Allowance;
  /** Milliseconds for one query; 8,000 unless told. */
  readonly timeoutMs?: number;
}

const longestMessage = 300;

const sample = z.tuple([z.number(), z.string()]);
const success = z.object({
  status: z.literal('success'),
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('scalar'), result: sample }),
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: sample.optional() })) }),
    z.object({ resultType: z.enum(['matrix', 'string']), result: z.unknown() }),
  ]),
});
const failure = z.object({ error: z.string() });

/**
 * Instant queries of the Prometheus HTTP API, which Thanos, Mimir and VictoriaMetrics speak as well. The query carries the moment
 * it is about, so a repetition gives the same number. Only one number can be judged: several series are no data, never the first.
 */
export const prometheusMetrics = (options: PrometheusOptions): Metrics => ({
  async query(query, at, signal) {
    try {
      return judge(await ask(options, query, at, signal));
    } catch (error) {
      return down((error as Error).message);
    }
  },
});

const ask = async (options: PrometheusOptions, query: string, at: Millis, signal?: AbortSignal): Promise<OutboundResult> => {
  const { url, send, secrets, auth, allow, timeoutMs } = options;
  return send({
    url: `${url.replace(/\/+$/, '')}/api/v1/query`,
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      ...(auth === undefined ? {} : { authorization: await authorization(auth, secrets) }),
    },
    body: new URLSearchParams({ query, time: (at / 1_000).toFixed(3) }).toString(),
    ...(allow === undefined ? {} : { allow }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(signal === undefined ? {} : { signal }),
  });
};

const down = (reason: string): Measurement => ({ outcome: 'providerDown', reason });
const noData = (reason: string): Measurement => ({ outcome: 'noData', reason });

const judge = (result: OutboundResult): Measurement => {
  if (result.outcome !== 'answered') return down(result.reason);
  const json = readJson(result.body);
  const value = json.ok ? json.value : undefined;
  if (result.status !== 200) {
    const message = failure.safeParse(value).data?.error.slice(0, longestMessage);
    return down(`Prometheus answered ${result.status}${message === undefined ? '' : `: ${message}`}`);
  }
  const read = success.safeParse(value);
  if (!read.success) return down(`Prometheus answered 200 with what is no query result${json.ok ? '' : `: ${json.reason}`}`);
  const { data } = read.data;
  if (data.resultType === 'scalar') return numberOf(data.result[1]);
  if (data.resultType !== 'vector') return noData(`the query gives a ${data.resultType}, allowed is one number: a scalar or a vector of one series`);
  const [only, ...others] = data.result;
  if (only === undefined) return noData('the query matches no series');
  if (others.length > 0) return noData(`the query gives ${others.length + 1} series, allowed is one: aggregate them, e.g. with sum() or max()`);
  if (only.value === undefined) return noData('the query gives a histogram, allowed is one number: use e.g. histogram_quantile()');
  return numberOf(only.value[1]);
};

/** Sample values are texts, because JSON has no NaN and no infinity. */
const numberOf = (text: string): Measurement => {
  if (text === 'NaN') return noData('the query gives NaN: a division of zero by zero, or no samples');
  if (/^[+-]?Inf$/.test(text)) return noData(`the query gives ${text}: a division by zero`);
  const value = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  return Number.isFinite(value) ? { outcome: 'value', value } : down(`Prometheus answered ${show(text)}, allowed is a number`);
};
