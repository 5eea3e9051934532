import { join } from 'node:path';
import { systemClock } from '../infra/clock.ts';
import { machineOf } from '../statemachines/machines.ts';
import { peers } from './peers.ts';
import { realServer, sandboxServer, type ApiServer } from './reaction/api-server.ts';
import { abortByHand, firingAlert, type Signal } from './reaction/signals.ts';
import { watched } from './reaction/stable-again.ts';
import type { Bench, Row } from './row.ts';
import { spread, timed } from './statistics.ts';
import { copy, nameOf, releaseUnderWay, storeCopies, type UnderWay } from './world/clones.ts';
import { poster } from './world/post.ts';
import { inFolder, served, token } from './world/served.ts';

const patience = 10_000;
const worst = 250;
/** Multiples of one bare PATCH, at the median. */
const bars = new Map([[abortByHand, 2], [firingAlert, 3]]);

/** Sends every signal to releases of its own, in turn, one at a time, each round with a bare PATCH beside it. */
const measure = async (server: ApiServer, rounds: number): Promise<readonly Row[]> => {
  const signals = [...bars.keys()];
  const warmUp = Math.min(10, rounds);
  const { cluster, stableAgain } = watched(server.cluster);
  const underWay = copy(await releaseUnderWay('IngressRoute'), 0, server.namespace);
  return inFolder(async (folder) => {
    const serving = await served(join(folder, 'bench.db'), cluster);
    const sender = poster(serving.url, token);
    const samples = new Map<Signal, number[]>(signals.map((signal) => [signal, []]));
    const bare: number[] = [];
    try {
      const releases = (warmUp + rounds) * signals.length;
      for (let n = 0; n < releases; n++) await server.create(routeOf(copy(underWay, n).route));
      await storeCopies(serving.ports.store, underWay, 0, releases);
      for (let n = 0; n < releases; n++) {
        const signal = signals[n % signals.length] ?? abortByHand;
        warm(copy(underWay, n));
        const patch = await timed(() => server.barePatch(String(n)));
        const { path, body } = signal.request(server.namespace, n);
        const restored = stableAgain(nameOf(n));
        const sentAt = performance.now();
        const [at, status] = await Promise.all([inTime(restored, signal, n), sender.post(path, body)]);
        if (status !== 202) throw new Error(`${signal.what} was answered with ${status}`);
        if (n < warmUp * signals.length) continue;
        bare.push(patch);
        samples.get(signal)?.push(at - sentAt);
      }
    } finally {
      sender.close();
      await serving.stop();
    }
    return signals.map((signal) => rowOf(server, signal, samples.get(signal) ?? [], bare));
  });
};

/** A release that came this far has its machines built already in the process that brought it here; its copies have not. */
const warm = ({ rollout, release }: UnderWay): void => {
  for (const { kind, definition } of [rollout, release]) machineOf(kind, definition);
};

/** The object as a user may create it: without what the API server gave the original. */
const routeOf = ({ metadata: { name, namespace, annotations }, ...rest }: UnderWay['route']): UnderWay['route'] => ({
  ...rest,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(annotations === undefined ? {} : { annotations }) },
});

const inTime = (restored: Promise<number>, signal: Signal, n: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const cancel = systemClock.at(Date.now() + patience, () => reject(new Error(`${signal.what}: the route of ${nameOf(n)} was not stable after ${patience} ms`)));
    void restored.then(resolve).finally(cancel);
  });

const rowOf = (server: ApiServer, signal: Signal, samples: readonly number[], bare: readonly number[]): Row => {
  const measured = spread(samples, 'ms');
  const baseline = spread(bare, 'ms');
  const ratio = measured.p50 / baseline.p50;
  const most = bars.get(signal) ?? 1;
  // A bare PATCH within this process costs nothing, so a multiple of it says nothing.
  const bar = server.real ? { text: `<= ${most}x, p99 < ${worst} ms`, met: ratio <= most && measured.p99 < worst } : { text: `p99 < ${worst} ms`, met: measured.p99 < worst };
  return {
    what: `${signal.what}, sent -> route stable and read back (${server.name})`,
    measured,
    baseline: { ...baseline, what: server.real ? 'PATCH by plain HTTPS' : 'PATCH in process' },
    ratio,
    bar,
    ...(signal === abortByHand && server.real ? { peers: peers.handAbort } : {}),
    notes: [
      signal === abortByHand
        ? 'releases are copies of one that the product ran to the gates of its first step, stored under other names; from the request being sent to the API server\'s answer to the armed write'
        : 'the same by the webhook: announced, resolved by its labels, then to the release',
    ],
  };
};

/** Time to take every user back, warm. The one number that matters when something is on fire. */
export const reaction: Bench = {
  about: 'signal -> stable route written and read back (sandbox; a real API server, too, with SLUICE_BENCH_KUBECONFIG)',
  run: async ({ quick }) => {
    // Never the cluster that KUBECONFIG happens to name: this writes hundreds of objects.
    const kubeconfig = quick ? undefined : process.env['SLUICE_BENCH_KUBECONFIG'];
    const rounds = quick ? 3 : 150;
    const rows: Row[] = [];
    for (const open of [sandboxServer, ...(kubeconfig === undefined || kubeconfig === '' ? [] : [() => realServer(kubeconfig)])]) {
      const server = await open();
      try {
        rows.push(...(await measure(server, rounds)));
      } finally {
        await server.close();
      }
    }
    return rows;
  },
};
