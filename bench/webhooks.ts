import { join } from 'node:path';
import type { Bench, Row } from './row.ts';
import { spread } from './statistics.ts';
import { durable, insertsPerSecond } from './webhooks/durable.ts';
import type { Load } from './webhooks/generator.ts';
import { load, withServer, type Mode } from './webhooks/processes.ts';
import { notification } from './webhooks/push.ts';
import { inFolder } from './world/served.ts';

const leastPerSecond = 2_000;
const worstP99 = 20;
const steadyRate = 500;
const connections = 32;
/** Rollouts whose image is pushed, in turn. */
const rolloutsOf = (quick: boolean): number => (quick ? 5 : 200);

interface Loaded {
  readonly flood: Load;
  readonly steady: Load;
  readonly lost: number;
  readonly queued: number;
}

/** 500/s by the clock, its first seconds as a warm-up, and then as many as it takes; what was accepted is counted in the closed database. */
const loaded = async (mode: Mode, folder: string, quick: boolean): Promise<Loaded> => {
  const database = join(folder, `${mode}.db`);
  const rollouts = rolloutsOf(quick);
  const loading = { connections, rollouts, rate: 0 };
  const loads = await withServer(mode, database, rollouts, async (url) => {
    const warm = await load(url, { ...loading, ms: quick ? 100 : 3_000, prefix: 'warm', rate: steadyRate });
    const steady = await load(url, { ...loading, ms: quick ? 200 : 10_000, prefix: 'steady', rate: steadyRate });
    const flood = await load(url, { ...loading, ms: quick ? 200 : 10_000, prefix: 'flood' });
    return { warm, steady, flood };
  });
  const accepted = loads.warm.accepted + loads.steady.accepted + loads.flood.accepted;
  const { judged, queued } = mode === 'bare' ? { judged: accepted, queued: 0 } : durable(database);
  return { ...loads, lost: accepted - judged - queued, queued };
};

const perSecond = ({ accepted, seconds }: Load): number => accepted / seconds;

const rowsOf = (what: string, { flood, steady, lost, queued }: Loaded, bare: Loaded, inserts: number): readonly Row[] => {
  const rate = perSecond(flood);
  const bareRate = perSecond(bare.flood);
  const slow = spread(steady.latencies, 'ms');
  const bareSlow = spread(bare.steady.latencies, 'ms');
  return [
    {
      what: `webhook persisted and answered, ${what}, sustained`,
      measured: { unit: '/s', value: rate, n: flood.accepted },
      baseline: { unit: '/s', value: bareRate, what: 'fastify route that does nothing' },
      ratio: rate / bareRate,
      bar: { text: `>= ${leastPerSecond}/s, none lost`, met: rate >= leastPerSecond && lost === 0 },
      notes: [
        `${lost} lost, ${flood.refused + steady.refused} refused, ${queued} still queued when the server was stopped; ${connections} connections; p99 ${spread(flood.latencies, 'ms').p99.toFixed(1)} ms; this disk takes ${Math.round(inserts)} inserts/s at one to a commit`,
      ],
    },
    {
      what: `webhook persisted and answered, ${what}, ${steadyRate}/s by the clock`,
      measured: slow,
      baseline: { ...bareSlow, what: 'fastify route that does nothing' },
      ratio: slow.p50 / bareSlow.p50,
      bar: { text: `p99 < ${worstP99} ms`, met: slow.p99 < worstP99 },
    },
  ];
};

/** Registry webhooks over real HTTP from a process of its own, into SQLite with synchronous=FULL on this machine's disk. */
export const webhooks: Bench = {
  about: 'webhooks persisted and answered: sustained rate, and p99 at 500/s (server and generator in processes of their own)',
  run: ({ quick }) =>
    inFolder(async (folder) => {
      const inserts = insertsPerSecond(join(folder, 'inserts.db'), notification('insert-0', 0).length, quick ? 50 : 2_000);
      const bare = await loaded('bare', folder, quick);
      const ingest = await loaded('ingest', folder, quick);
      const all = await loaded('serve', folder, quick);
      return [...rowsOf('HTTP function alone', ingest, bare, inserts), ...rowsOf('serve, workers judging each', all, bare, inserts)];
    }),
};
