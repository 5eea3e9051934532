import { ClusterError, type KubeObject } from '../../../infra/cluster/port.ts';
import type { ObjectRef } from '../../../statemachines/document.ts';
import { spell, writesCluster, type Call, type Hand } from '../kit/calls.ts';
import { drive, handleAll } from '../kit/driver.ts';
import { differs, endOf, type End } from '../kit/end.ts';
import { aborted, promoted } from '../kit/histories.ts';
import { endUnder, harmless, unsound, type Case, type FaultClass, type Reference } from '../kit/trial.ts';
import { contextOf, phaseOf } from '../kit/watched.ts';

interface Answer {
  readonly name: string;
  readonly error: (what: string) => ClusterError;
  /** It takes effect all the same. */
  readonly after?: boolean;
  readonly of?: (call: Call) => boolean;
  /** The API server says that it cannot be done: a release may give up for it on the way up, and comes back whole. */
  readonly final?: boolean;
}

const status = (failure: ConstructorParameters<typeof ClusterError>[0], code: number, more: { retryAfterMs?: number } = {}) => (what: string) =>
  new ClusterError(failure, `${what}: ${code}`, { status: code, ...more });
const changes = (call: Call): boolean => call.verb === 'patch' || call.verb === 'delete';

const answers: readonly Answer[] = [
  { name: '409', error: status('conflict', 409), of: changes },
  { name: '429 with Retry-After', error: status('unavailable', 429, { retryAfterMs: 7_000 }) },
  { name: '500', error: status('unavailable', 500) },
  { name: '503', error: status('unavailable', 503) },
  { name: 'time-out before', error: (what) => new ClusterError('timeout', `${what}: no answer in time`) },
  { name: 'time-out after', error: (what) => new ClusterError('timeout', `${what}: no answer in time`), after: true, of: writesCluster },
  { name: '422', error: status('invalid', 422), of: writesCluster, final: true },
  { name: '403', error: status('forbidden', 403), final: true },
];

/** The n-th call fails, and as many more of the same verb and kind as make `times`. */
const failing = (n: number, times: number, { error, after }: Answer): Hand => {
  let like: string | undefined;
  let left = times;
  return async (call, inner) => {
    if (call.n === n) like = spell(call);
    if (like === undefined || spell(call) !== like || left === 0) return inner();
    left--;
    if (after === true) await inner();
    throw error(spell(call));
  };
};

/** Given up on the way up, everything is as it was before; halted, a person says to go on. */
const endsWhole = (reference: Reference, answer: Answer, n: number, times: number, untouched: End): Case => ({
  name: `${reference.history.name}@${answer.name} at call ${n}${times > 1 ? `, ${times} times` : ''}`,
  history: reference.history,
  run: async (world) => {
    world.befall({ hand: failing(n, times, answer) });
    const acts = [...reference.history.acts];
    const halted = (): boolean => [...world.watched.documents.values()].some((document) => phaseOf(document) === 'halted');
    for (let tries = 0; tries <= times && (await drive(world, { acts, until: halted })) === 'stopped'; tries++) await world.order(`command/ada/retry-${tries}`, 'release/pro/demo/1', { type: 'retry' });
    const end = await endOf(world, await drive(world, { acts }));
    const back = differs(untouched.objects, end.objects, 'objects');
    return unsound(end) ?? (back === undefined ? undefined : differs(reference.end.objects, end.objects, 'objects'));
  },
});

export const apiServer: FaultClass = {
  name: 'API server refuses',
  cases: async (reference) => {
    const references = await Promise.all([promoted, aborted].map(reference));
    const untouched = (await reference(aborted)).end;
    return references.flatMap((one) =>
      one.calls
        .filter(({ port }) => port === 'cluster')
        .flatMap((call) =>
          answers
            .filter(({ of }) => of?.(call) ?? true)
            .flatMap((answer) =>
              [1, 3].map((times) =>
                answer.final === true
                  ? endsWhole(one, answer, call.n, times, untouched)
                  : harmless(`${answer.name} at call ${call.n}${times > 1 ? `, ${times} times` : ''}`, one, () => ({ hand: failing(call.n, times, answer) })),
              ),
            ),
        ),
    );
  },
};

/** Serves an object as it was before its last change, as far as this world has read it. */
const stale = (n: number, times: number): Hand => {
  const known = new Map<string, unknown[]>();
  const versionOf = (result: unknown): string => JSON.stringify(Array.isArray(result) ? result.map((object: KubeObject) => object.metadata.resourceVersion) : (result as KubeObject | undefined)?.metadata.resourceVersion);
  const addressOf = (call: Call): string => {
    const { apiVersion, kind, name, namespace } = (call.verb === 'create' ? { ...(call.args[0] as KubeObject), ...(call.args[0] as KubeObject).metadata } : call.args[0]) as ObjectRef;
    return `${call.verb === 'list' ? 'list' : 'one'} ${apiVersion} ${kind} ${namespace ?? ''} ${name ?? JSON.stringify(call.args[0])}`;
  };
  let left = 0;
  return async (call, inner) => {
    if (call.port !== 'cluster') return inner();
    if (call.n === n) left = times;
    const result = await inner();
    if (call.verb === 'delete') return result;
    const versions = known.get(addressOf(call)) ?? [];
    known.set(addressOf(call), versions);
    if (versions.length === 0 || versionOf(versions.at(-1)) !== versionOf(result)) versions.push(result);
    if (left === 0 || (call.verb !== 'get' && call.verb !== 'list')) return result;
    left--;
    return (versions.at(-2) ?? result) as typeof result;
  };
};

/** Looked at twice and still old: then a person is asked whether somebody else changed it, and says to go on. */
const staleForAWhile = (reference: Reference, n: number): Case => ({
  name: `${reference.history.name}@stale at call ${n}, 3 times`,
  history: reference.history,
  run: async (world) => {
    world.befall({ hand: stale(n, 3) });
    const acts = [...reference.history.acts];
    const asked = (): boolean => {
      const release = world.release(1);
      return release !== undefined && (phaseOf(release) === 'halted' || contextOf(release).paused !== undefined);
    };
    if ((await drive(world, { acts, until: asked })) === 'stopped') {
      await world.order('command/ada/go-on', 'release/pro/demo/1', { type: 'retry' });
      await handleAll(world);
    }
    const end = await endOf(world, await drive(world, { acts }));
    return unsound(end) ?? differs(reference.end.objects, end.objects, 'objects');
  },
});

export const staleReads: FaultClass = {
  name: 'stale reads',
  cases: async (reference) =>
    (await Promise.all([promoted, aborted].map(reference))).flatMap((one) =>
      one.calls
        .filter(({ port, verb }) => port === 'cluster' && (verb === 'get' || verb === 'list'))
        .flatMap(({ n }) => [harmless(`stale at call ${n}`, one, () => ({ hand: stale(n, 1) })), staleForAWhile(one, n)]),
    ),
};

/** Nothing that a release relies on is watched, so there is no watch that could end: a CLI waits, functions never do. */
export const noWatch: FaultClass = {
  name: 'a watch that ends',
  cases: async (reference) => {
    const references = await Promise.all([promoted, aborted].map(reference));
    return references.map(({ history }) => ({
      name: `${history.name}@no watch`,
      history,
      run: async (world) => {
        const end = await endUnder(world, history, { hand: (call, inner) => (call.verb === 'watch' ? Promise.reject(new Error('a function watches')) : inner()) });
        return unsound(end) ?? (world.calls.some(({ verb }) => verb === 'watch') ? 'a function watches' : undefined);
      },
    }));
  },
};
