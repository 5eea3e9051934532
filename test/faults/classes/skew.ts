import { drive } from '../kit/driver.ts';
import { differs, endOf } from '../kit/end.ts';
import { histories } from '../kit/histories.ts';
import { unsound, type Case, type FaultClass, type Reference } from '../kit/trial.ts';

const off = 300_000;

/** Spread evenly and the same everywhere. */
const scattered = (seed: number, n: number): number => (Math.imul(n + seed * 7_919, 2_654_435_761) >>> 0) / 2 ** 32;

const patterns: Readonly<Record<string, (n: number) => number>> = {
  'all ahead': () => off,
  'all behind': () => -off,
  'ahead and behind in turn': (n) => (n % 2 === 0 ? off : -off),
  'behind and ahead in turn': (n) => (n % 2 === 0 ? -off : off),
  'every third ahead': (n) => (n % 3 === 0 ? off : 0),
  'every third behind': (n) => (n % 3 === 0 ? -off : 0),
  ...Object.fromEntries(Array.from({ length: 12 }, (_, seed) => [`scattered ${seed}`, (n: number) => Math.round((2 * scattered(seed, n) - 1) * off)])),
};

const one = (reference: Reference, name: string, skewMs: (n: number) => number): Case => ({
  name: `${reference.history.name}@${name}`,
  history: reference.history,
  run: async (world) => {
    world.befall({ skewMs });
    const end = await endOf(world, await drive(world, { acts: [...reference.history.acts] }));
    // A lag that one function began and another, five minutes ahead, calls over is no lag: users may meet a proxy that has not heard yet.
    return unsound({ ...end, lostUsers: 0 }) ?? differs({ ...reference.end, lostUsers: 0 }, { ...end, lostUsers: 0 });
  },
});

/** Functions whose clocks differ by up to five minutes, either way. */
export const clockSkew: FaultClass = {
  name: 'clocks five minutes off',
  cases: async (reference) =>
    (await Promise.all(histories.map(reference))).flatMap((reference) => [
      ...Object.entries(patterns).map(([name, skewMs]) => one(reference, name, skewMs)),
      ...[...new Set(reference.calls.map(({ invocation }) => invocation.n))].flatMap((only) => [off, -off].map((ms) => one(reference, `invocation ${only} ${ms > 0 ? 'ahead' : 'behind'}`, (n) => (n === only ? ms : 0)))),
    ]),
};
