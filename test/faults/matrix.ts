import { alertAfterKill, alertWhileHung } from './classes/alerts.ts';
import { apiServer, noWatch, staleReads } from './classes/api-server.ts';
import { everythingTwice, reordered } from './classes/copies.ts';
import { anotherController } from './classes/fighting.ts';
import { killedThenRedelivered, killedThenRestarted, killedThenTicked } from './classes/kill.ts';
import { metricsProvider, registryFails } from './classes/providers.ts';
import { poisonMessages, queueFails } from './classes/queue.ts';
import { clockSkew } from './classes/skew.ts';
import { conflicts, itemTooLarge, storeFails } from './classes/store.ts';
import { frozen, twoTicks, twoWorkers } from './classes/workers.ts';
import type { History } from './kit/histories.ts';
import type { Tier } from './kit/tier.ts';
import { referenceOf, tryCase, type Case, type FaultClass, type Reference } from './kit/trial.ts';

export const classes: readonly FaultClass[] = [
  killedThenRestarted,
  killedThenRedelivered,
  killedThenTicked,
  everythingTwice,
  reordered,
  twoWorkers,
  frozen,
  twoTicks,
  clockSkew,
  alertWhileHung,
  alertAfterKill,
  apiServer,
  staleReads,
  noWatch,
  anotherController,
  conflicts,
  storeFails,
  itemTooLarge,
  queueFails,
  poisonMessages,
  metricsProvider,
  registryFails,
];

/** What came of one class on one tier. */
export interface Row {
  readonly fault: string;
  readonly tier: string;
  /** How many cases there are, and how many of them were tried. */
  readonly cases: number;
  readonly tried: number;
  readonly converged: number;
  readonly ms: number;
  readonly first?: { readonly name: string; readonly problem: string; readonly log: readonly string[] };
}

/** A class's cases on this tier, spread evenly over `most` when there are more. */
export const chosen = (cases: readonly Case[], most: number): readonly Case[] => (cases.length <= most ? cases : Array.from({ length: most }, (_, i) => cases[Math.floor((i * cases.length) / most)]).filter((one) => one !== undefined));

/** References are worked out once for each tier. */
export const referencesOf = (tier: Tier): ((history: History) => Promise<Reference>) => {
  const known = new Map<History, Promise<Reference>>();
  // One after the other: the worlds of a tier share its emulators and their time.
  let last: Promise<unknown> = Promise.resolve();
  return (history) => {
    const found = known.get(history);
    if (found !== undefined) return found;
    const made = last.then(() => referenceOf(tier, history));
    last = made.catch(() => undefined);
    known.set(history, made);
    return made;
  };
};

export interface Choice {
  /** Most cases of a class. */
  readonly most: number;
  /** Of these, every `of`-th from `share` on. */
  readonly share: number;
  readonly of: number;
  readonly only?: (one: Case) => boolean;
}

export const runClass = async (fault: FaultClass, tier: Tier, reference: (history: History) => Promise<Reference>, { most, share, of, only = () => true }: Choice): Promise<Row> => {
  const begun = performance.now();
  const cases = await fault.cases(reference, tier);
  const mine = chosen(cases, most).filter((one, i) => i % of === share && only(one));
  let converged = 0;
  let first: Row['first'];
  for (const one of mine) {
    const { problem, log } = await tryCase(tier, one);
    if (problem === undefined) converged++;
    else first ??= { name: one.name, problem, log };
  }
  return { fault: fault.name, tier: tier.name, cases: cases.length, tried: mine.length, converged, ms: performance.now() - begun, ...(first === undefined ? {} : { first }) };
};
