import { drive } from './driver.ts';
import { differs, endOf, type End } from './end.ts';
import type { History } from './histories.ts';
import type { Tier } from './tier.ts';
import { makeWorld, type Fault, type World } from './world.ts';

/** One fault in one world. `name` repeats it: `npm run faults -- --only <class>:<name>`. */
export interface Case {
  readonly name: string;
  /** What was wrong with how it came out; undefined when nothing was. */
  run(world: World): Promise<string | undefined>;
  readonly history: History;
}

/** One kind of fault. */
export interface FaultClass {
  readonly name: string;
  /** Every case there is; `reference` is a world of that history to which nothing happened. */
  cases(reference: (history: History) => Promise<Reference>, tier: Tier): Promise<readonly Case[]>;
}

/** A history without faults: every call it took, and how it ended. */
export interface Reference {
  readonly history: History;
  readonly calls: World['calls'];
  readonly sent: World['sent'];
  readonly end: End;
  /** Calls between which something may happen: where a port makes requests of its own, these. */
  readonly boundaries: World['calls'];
}

export const referenceOf = async (tier: Tier, history: History): Promise<Reference> => {
  const world = await makeWorld(tier, history.definition);
  try {
    const end = await endOf(world, await drive(world, { acts: [...history.acts] }));
    const problem = misses(history, end);
    if (problem !== undefined) throw new Error(`${history.name} on ${tier.name} does not end well even without faults: ${problem}`);
    const calls = [...world.calls];
    const beneath = calls.some(({ port }) => port === 'request');
    return { history, calls, boundaries: calls.filter(({ port }) => !beneath || port !== 'store'), sent: [...world.sent], end };
  } finally {
    await world.close();
  }
};

/** What may be wrong with any end, whatever happened: it is none, something is left over, an invariant did not hold, users got no answer. */
export const unsound = ({ driven, left, dead, broken, lostUsers }: End): string | undefined => {
  if (driven !== 'quiet') return `it is ${driven}`;
  if (left.length > 0) return `left over: ${left.join(', ')}`;
  if (dead.length > 0) return `dead letters: ${dead.join('; ')}`;
  if (broken.length > 0) return `broken: ${broken.join('; ')}`;
  return lostUsers > 0 ? `${lostUsers} requests of users got no answer` : undefined;
};

const misses = (history: History, end: End): string | undefined => {
  const phases = Object.entries(end.documents)
    .filter(([id]) => id.startsWith('release/'))
    .map(([, document]) => (document as { state: string }).state);
  return unsound(end) ?? differs(history.ends, phases, 'phases');
};

/** Drives the history to its end under a fault. */
export const endUnder = async (world: World, history: History, fault: Fault): Promise<End> => {
  world.befall(fault);
  return endOf(world, await drive(world, { acts: [...history.acts] }));
};

/** A fault after which everything must come out as if it had not been. */
export const harmless = (name: string, reference: Reference, fault: () => Fault): Case => ({
  name: `${reference.history.name}@${name}`,
  history: reference.history,
  run: async (world) => {
    const end = await endUnder(world, reference.history, fault());
    return unsound(end) ?? differs(reference.end, end);
  },
});

export interface Outcome {
  readonly problem: string | undefined;
  readonly log: readonly string[];
}

/** One case in a world of its own. */
export const tryCase = async (tier: Tier, one: Case): Promise<Outcome> => {
  const world = await makeWorld(tier, one.history.definition);
  try {
    return { problem: await one.run(world), log: world.log };
  } catch (error) {
    return { problem: error instanceof Error ? (error.stack ?? error.message) : String(error), log: world.log };
  } finally {
    await world.close();
  }
};
