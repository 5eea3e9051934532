import { asBuilt, type Behaviour } from './behaviour.ts';
import type { WorldConfig } from './configs.ts';
import { abstractDocuments, type Documents, type View } from './documents.ts';
import { numberSet } from './number-set.ts';
import { stepsOf, type State } from './successors.ts';
import { watchful, type Violation, type Watching } from './watching.ts';
import { worldKey, type World } from './world.ts';

export interface Found {
  readonly world: string;
  readonly states: number;
  readonly documents: number;
  readonly edges: number;
  /** Every state that can be reached was looked at. */
  readonly complete: boolean;
  readonly milliseconds: number;
  readonly violation?: Violation & { readonly history: readonly string[] };
}

/** A state is one number: its documents' numbers and its world's, side by side. */
const documentSpace = 2 ** 13;
const releaseSpace = 2 ** 20;
const worldSpace = 2 ** 26;

/**
 * Walks the states of a world breadth first, at most `budget` of them, and stops at the first violation; its history is a shortest
 * one. At the end every state must still be able to reach an end without further faults, as far as that can be told within the budget.
 */
export const search = (config: WorldConfig, budget: number, behaviour: Behaviour = asBuilt): Found => {
  const watching = watchful(config, behaviour);
  return searchWith(config, budget, behaviour, watching, abstractDocuments(behaviour, config.rollout.progressDeadlineMs + 1, watching));
};

/** The search with documents and a watcher of the caller's. */
export const searchWith = (config: WorldConfig, budget: number, behaviour: Behaviour, watching: Watching, documents: Documents): Found => {
  const started = performance.now();
  const steps = stepsOf(config, behaviour, documents, watching.landed, watching.problem);

  const worlds = new Map<string, number>();
  const worldList: World[] = [];
  const tuples = new Map<number, number>();
  const tupleList: State['documents'][] = [];
  const viewIds = new Map<number, number>();
  const counts = [0, 0, 0];
  const slotId = (view: View | undefined, slot: number): number => {
    if (view === undefined) return 0;
    let id = viewIds.get(view.id);
    if (id === undefined) {
      id = counts[slot] = (counts[slot] as number) + 1;
      if (id >= (slot === 0 ? documentSpace : releaseSpace)) throw new Error(`more documents than a state has room for: ${id}`);
      viewIds.set(view.id, id);
    }
    return id;
  };
  const numberOf = ({ documents: all, world }: State): number => {
    const tuple = (slotId(all[0], 0) * releaseSpace + slotId(all[1], 1)) * releaseSpace + slotId(all[2], 2);
    let tupleId = tuples.get(tuple);
    if (tupleId === undefined) {
      tupleId = tupleList.push(all) - 1;
      tuples.set(tuple, tupleId);
    }
    const key = worldKey(world);
    let worldId = worlds.get(key);
    if (worldId === undefined) {
      worldId = worldList.push(world) - 1;
      worlds.set(key, worldId);
    }
    return tupleId * worldSpace + worldId;
  };
  const stateOf = (number: number): State => ({ documents: tupleList[Math.floor(number / worldSpace)] as State['documents'], world: worldList[number % worldSpace] as World });

  const states = numberSet();
  const parents: number[] = [-1];
  const ends: number[] = [];
  /** Edges that a release may count on, from and to. */
  const healing: number[] = [];
  let edges = 0;

  const historyOf = (at: number): string[] => {
    const labels: string[] = [];
    for (let here = at; here > 0; here = parents[here] as number) {
      const before = stateOf(states.at(parents[here] as number));
      const wanted = states.at(here);
      labels.unshift(steps.of(before).find(({ state }) => numberOf(state()) === wanted)?.label ?? '?');
    }
    return labels;
  };
  const found = (complete: boolean, violation?: Found['violation']): Found => ({
    world: config.name,
    states: states.size(),
    documents: documents.count(),
    edges,
    complete,
    milliseconds: Math.round(performance.now() - started),
    ...(violation === undefined ? {} : { violation }),
  });

  const first = steps.first();
  states.add(numberOf(first));
  let next = 0;
  for (; next < states.size() && states.size() < budget; next++) {
    const state = stateOf(states.at(next));
    if (steps.isEnd(state)) ends.push(next);
    for (const { label, state: reach, heals } of steps.of(state)) {
      edges++;
      const reached = reach();
      const { at, fresh } = states.add(numberOf(reached));
      if (fresh) parents[at] = next;
      const wrong = watching.take() ?? (fresh ? watching.state(reached) : undefined);
      if (wrong !== undefined) return found(false, { ...wrong, history: [...historyOf(next), label] });
      if (heals) healing.push(next, at);
    }
  }
  const complete = next >= states.size();
  const stuck = config.mayStandStill === undefined ? cannotEnd(states.size(), next, ends, healing) : undefined;
  return stuck === undefined ? found(complete) : found(complete, { invariant: 'An end can be reached', problem: `from ${stateOf(states.at(stuck)).documents.map((view) => view?.path ?? '-').join(' ')} no end can be reached without further faults`, history: historyOf(stuck) });
};

/** The first state from which no end can be reached. States that were not looked at count as unknown, and so do those that lead there. */
const cannotEnd = (size: number, expanded: number, ends: readonly number[], healing: readonly number[]): number | undefined => {
  const counts = new Int32Array(size + 1);
  for (let edge = 1; edge < healing.length; edge += 2) counts[(healing[edge] as number) + 1] = (counts[(healing[edge] as number) + 1] as number) + 1;
  for (let at = 1; at <= size; at++) counts[at] = (counts[at] as number) + (counts[at - 1] as number);
  const sources = new Int32Array(healing.length / 2);
  const fill = counts.slice();
  for (let edge = 0; edge < healing.length; edge += 2) {
    const to = healing[edge + 1] as number;
    sources[fill[to] as number] = healing[edge] as number;
    fill[to] = (fill[to] as number) + 1;
  }
  const good = new Uint8Array(size);
  const queue = [...ends];
  for (let at = expanded; at < size; at++) queue.push(at);
  for (const at of queue) good[at] = 1;
  for (let at = queue.pop(); at !== undefined; at = queue.pop())
    for (let edge = counts[at] as number; edge < (counts[at + 1] as number); edge++) {
      const from = sources[edge] as number;
      if (good[from] === 1) continue;
      good[from] = 1;
      queue.push(from);
    }
  const stuck = good.indexOf(0);
  return stuck === -1 ? undefined : stuck;
};
