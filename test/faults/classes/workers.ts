import { spell, type Call, type Hand } from '../kit/calls.ts';
import { drive, handleAll } from '../kit/driver.ts';
import { differs, endOf } from '../kit/end.ts';
import { aborted, alerted, promoted, superseded, type History } from '../kit/histories.ts';
import type { Invocation } from '../kit/invocation.ts';
import { unsound, type Case, type FaultClass, type Reference } from '../kit/trial.ts';
import { contextOf, phaseOf } from '../kit/watched.ts';
import type { World } from '../kit/world.ts';

export type Side = 'before' | 'after';
export const sides: readonly Side[] = ['before', 'after'];

/** Freezes whoever makes the n-th call, before it or when it has taken effect. `met` is called when it did. */
export const freezeAt = (n: number, side: Side, met: (invocation: Invocation) => void): Hand => async (call: Call, inner) => {
  if (call.n !== n) return inner();
  const freeze = (): void => {
    call.invocation.freeze();
    met(call.invocation);
  };
  if (side === 'before') {
    freeze();
    await call.invocation.running();
    return inner();
  }
  const result = await inner();
  freeze();
  return result;
};

/** Runs the history until somebody is frozen at that call; undefined when the call never came. */
export const untilFrozen = async (world: World, acts: History['acts'][number][], n: number, side: Side): Promise<Invocation | undefined> => {
  let frozen: Invocation | undefined;
  world.befall({ hand: freezeAt(n, side, (invocation) => (frozen = invocation)) });
  await drive(world, { acts, until: () => frozen !== undefined });
  return frozen;
};

export const atEachCall = (reference: Reference, of: (call: Call) => boolean, run: (world: World, n: number, side: Side) => Promise<string | undefined>): readonly Case[] =>
  reference.boundaries.filter(of).flatMap((call) =>
    sides.map((side) => ({ name: `${reference.history.name}@${side} call ${call.n}, ${spell(call)}`, history: reference.history, run: (world) => run(world, call.n, side) })),
  );

/** The message comes again while the first worker is still in the middle of it: two hold the same document. */
export const twoWorkers: FaultClass = {
  name: 'two workers, one document',
  cases: async (reference) =>
    (await Promise.all([promoted, aborted, superseded].map(reference))).flatMap((one) =>
      atEachCall(one, () => true, async (world, n, side) => {
        const acts = [...one.history.acts];
        const first = await untilFrozen(world, acts, n, side);
        if (first === undefined) return `call ${n} never came`;
        world.clock.advance(world.tier.visibilityMs);
        await handleAll(world);
        first.thaw();
        await first.ended;
        const end = await endOf(world, await drive(world, { acts }));
        return unsound(end) ?? differs(one.end, end);
      }),
    ),
};

/** What a late write would change: every object of the user's, to the version. */
const versions = async (world: World): Promise<Readonly<Record<string, unknown>>> => {
  const reader = world.sandbox.asUser('reader');
  const lists = await Promise.all([['apps/v1', 'Deployment'], ['v1', 'Service'], ['v1', 'ConfigMap'], ['traefik.io/v1alpha1', 'IngressRoute']].map(([apiVersion = '', kind = '']) => reader.list({ apiVersion, kind, namespace: 'pro' })));
  return Object.fromEntries(lists.flat().map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.resourceVersion]));
};

const nextRelease = (world: World): boolean => {
  const release = world.release(2);
  return release !== undefined && phaseOf(release) === 'stepping' && contextOf(release).exposedAt !== undefined;
};

/** Frozen in the middle, and thawed when all is over: as a function that the platform stopped and goes on with much later. */
export const frozen: FaultClass = {
  name: 'frozen, thawed after the end',
  cases: async (reference) => {
    const references = await Promise.all([promoted, aborted, superseded].map(reference));
    return references.flatMap((one) =>
      atEachCall(one, () => true, async (world, n, side) => {
        const acts = [...one.history.acts];
        const late = await untilFrozen(world, acts, n, side);
        if (late === undefined) return `call ${n} never came`;
        const thawInNext = one.history === superseded && world.release(2) === undefined;
        await drive(world, { acts, ...(thawInNext ? { until: nextRelease } : {}) });
        // The garbage collector has its own pace.
        if (!thawInNext) world.clock.advance(60_000);
        const before = await versions(world);
        const traffic = world.watched.traffic.length;
        late.thaw();
        await late.ended;
        world.clock.advance(1_000);
        const meddled = thawInNext ? undefined : differs(before, await versions(world), 'written by the thawed one');
        const shown = world.watched.traffic.length > traffic ? 'the thawed one moved users' : undefined;
        const end = await endOf(world, await drive(world, { acts }));
        return meddled ?? shown ?? unsound(end) ?? differs(one.end, end);
      }),
    );
  },
};

/** Two ticks that do not know of each other: always, and one frozen at each of its calls while the other does the work. */
export const twoTicks: FaultClass = {
  name: 'two ticks at once',
  cases: async (reference) => {
    const references = await Promise.all([promoted, alerted].map(reference));
    return references.flatMap((one) => [
      { name: `${one.history.name}@always two`, history: one.history, run: async (world: World) => {
        world.befall({ ticks: 2 });
        const end = await endOf(world, await drive(world, { acts: [...one.history.acts] }));
        return unsound(end) ?? differs(one.end, end);
      } },
      ...atEachCall(one, ({ invocation }) => invocation.what === 'tick', async (world, n, side) => {
        const acts = [...one.history.acts];
        const slow = await untilFrozen(world, acts, n, side);
        if (slow === undefined) return `call ${n} never came`;
        world.clock.advance(1_000);
        await world.tick();
        await handleAll(world);
        slow.thaw();
        await slow.ended;
        const end = await endOf(world, await drive(world, { acts }));
        return unsound(end) ?? differs(one.end, end);
      }),
    ]);
  },
};
