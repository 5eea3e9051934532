import { asBuilt, type Behaviour } from './behaviour.ts';
import { worldNamed } from './configs.ts';
import { abstractDocuments } from './documents.ts';
import { stepsOf, type State } from './successors.ts';
import { watchful, type Violation } from './watching.ts';

export interface Replayed {
  readonly state: State;
  readonly violation: Violation | undefined;
}

/** Follows a history that the search printed, to its end or its first violation. Throws when a step of it is not possible any more. */
export const follow = (world: string, history: readonly string[], behaviour: Behaviour = asBuilt): Replayed => {
  const config = worldNamed(world);
  const watching = watchful(config, behaviour);
  const documents = abstractDocuments(behaviour, config.rollout.progressDeadlineMs + 1, watching);
  const steps = stepsOf(config, behaviour, documents, watching.landed, watching.problem);
  let state = steps.first();
  for (const [at, label] of history.entries()) {
    const possible = steps.of(state);
    const next = possible.find((successor) => successor.label === label);
    if (next === undefined) throw new Error(`step ${at + 1}, ${JSON.stringify(label)}, is not possible; possible are ${possible.map((successor) => JSON.stringify(successor.label)).join(', ')}`);
    state = next.state();
    const violation = watching.take() ?? watching.state(state);
    if (violation !== undefined) return { state, violation };
  }
  return { state, violation: undefined };
};

/** What a history breaks, in words; undefined when every invariant holds all along it. */
export const replay = (world: string, history: readonly string[], behaviour: Behaviour = asBuilt): string | undefined => {
  const { violation } = follow(world, history, behaviour);
  return violation === undefined ? undefined : `${violation.invariant}: ${violation.problem}`;
};
