import type { Measurement, Metrics } from '../../../infra/metrics/port.ts';
import { prometheusMetrics } from '../../../infra/metrics/prometheus.ts';
import type { OutboundResult } from '../../../infra/outbound/port.ts';
import type { Resolution } from '../../../infra/registry/port.ts';
import type { Hand } from '../kit/calls.ts';
import { drive } from '../kit/driver.ts';
import { differs, endOf } from '../kit/end.ts';
import { measured, promoted } from '../kit/histories.ts';
import { endUnder, harmless, unsound, type Case, type FaultClass } from '../kit/trial.ts';
import { phaseOf } from '../kit/watched.ts';

const ok = (body: string, status = 200): OutboundResult => ({ outcome: 'answered', status, headers: {}, body: new TextEncoder().encode(body) });
const vector = (value: unknown, more: readonly unknown[] = []): OutboundResult => ok(JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value }, ...more] } }));

/** What a provider may say that is not a number to judge by. */
const nonsense: Readonly<Record<string, OutboundResult>> = {
  NaN: vector([1, 'NaN']),
  '+Inf': vector([1, '+Inf']),
  'a number too large for any machine': vector([1, '1e999']),
  'a number of a hundred thousand digits': vector([1, '9'.repeat(100_000)]),
  'a number that is none': vector([1, 'fine, thank you']),
  'a number where a text is due': vector([1, 0.01]),
  'no value': vector(undefined),
  'a list too short': vector([1]),
  'two series': vector([1, '0.01'], [{ metric: {}, value: [1, '0.02'] }]),
  'no series': ok(JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [] } })),
  'a matrix': ok(JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [] } })),
  'an unknown kind of result': ok(JSON.stringify({ status: 'success', data: { resultType: 'poem', result: 'roses' } })),
  HTML: ok('<!doctype html><title>Sign in</title>'),
  nothing: ok(''),
  'half of an answer': ok('{"status":"success","data":{"resultType":"vec'),
  'nesting without end': ok(`${'['.repeat(100_000)}`),
  'an error in JSON': ok(JSON.stringify({ status: 'error', error: 'query timed out' }), 503),
  'an error in HTML': ok('<h1>502 Bad Gateway</h1>', 502),
  'not found': ok('404 page not found', 404),
  silence: { outcome: 'failed', reason: 'no answer within 8000 ms' },
  'a connection refused': { outcome: 'failed', reason: 'connect ECONNREFUSED' },
};

const saying = (answer: OutboundResult): Metrics => prometheusMetrics({ url: 'http://prometheus.test', send: () => Promise.resolve(answer), secrets: { read: () => Promise.resolve('') } });
const throwing = (name: string): Metrics => ({ query: () => Promise.reject(Object.assign(new Error('the provider broke'), { name })) });

const providers: Readonly<Record<string, Metrics>> = {
  ...Object.fromEntries(Object.entries(nonsense).map(([what, answer]) => [what, saying(answer)])),
  'an unexpected error': throwing('TypeError'),
  'a deadline that passed': throwing('TimeoutError'),
};

/** Only some looks, and then all is well again. */
const sometimes = (bad: Metrics, which: (look: number) => boolean): Metrics => {
  let looks = 0;
  const healthy: Measurement = { outcome: 'value', value: 0.01 };
  return { query: (query, at, signal) => (which(++looks) ? bad.query(query, at, signal) : Promise.resolve(healthy)) };
};

export const metricsProvider: FaultClass = {
  name: 'metrics provider',
  cases: async (reference) => {
    const one = await reference(measured);
    return Object.entries(providers).flatMap(([what, bad]) => [
      ...[1, 2, 3].map((n) => harmless(`${what} at look ${n}`, one, () => ({ metrics: sometimes(bad, (look) => look === n) }))),
      harmless(`${what} at every other look`, one, () => ({ metrics: sometimes(bad, (look) => look % 2 === 1) })),
      {
        name: `measured@${what} for an hour`,
        history: measured,
        run: async (world) => {
          world.befall({ metrics: bad });
          const acts = [...measured.acts];
          await drive(world, { acts, forMs: 3_600_000 });
          const release = world.release(1);
          const phase = release === undefined ? 'gone' : phaseOf(release);
          if (phase !== 'stepping') return `without a number to judge by the release is ${phase}`;
          if (world.watched.traffic.join() !== '20') return `without a number to judge by users are at ${world.watched.traffic.join(', ')} percent`;
          world.befall({});
          const end = await endOf(world, await drive(world, { acts }));
          return unsound(end) ?? differs(one.end, end);
        },
      } satisfies Case,
    ]);
  },
};

const resolving = (answer: () => Promise<Resolution>, times: number): Hand => {
  let left = times;
  return async (call, inner) => (call.port === 'registry' && left-- > 0 ? ((await answer()) as never) : inner());
};

export const registryFails: FaultClass = {
  name: 'registry',
  cases: async (reference) => {
    const one = await reference(promoted);
    const again = ['unavailable', 'TimeoutError'].flatMap((how) =>
      [1, 3].map((times) =>
        harmless(`${how}, ${times} times`, one, () => ({
          hand: resolving(() => (how === 'unavailable' ? Promise.resolve({ outcome: 'unavailable', reason: '503' }) : Promise.reject(Object.assign(new Error('no answer'), { name: how }))), times),
        })),
      ),
    );
    const final = (['unknown', 'refused'] as const).map((outcome): Case => ({
      name: `promoted@${outcome}`,
      history: promoted,
      run: async (world) => {
        const end = await endUnder(world, promoted, { hand: resolving(() => Promise.resolve({ outcome, reason: 'no' }), 1) });
        return unsound(end) ?? differs({ traffic: [], release: 'refused' }, { traffic: end.traffic, release: (end.documents['release/pro/demo/1'] as { state: string } | undefined)?.state });
      },
    }));
    return [...again, ...final];
  },
};
