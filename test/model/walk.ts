import type { JournalRow } from '../../statemachines/document.ts';
import { asBuilt, type Behaviour } from './behaviour.ts';
import type { WorldConfig } from './configs.ts';
import type { Invariant } from './invariants/invariant.ts';
import { realDocuments } from './real-documents.ts';
import { stepsOf, type State } from './successors.ts';
import { invariants, watchful, type Violation } from './watching.ts';

export interface Walked {
  readonly history: readonly string[];
  readonly states: readonly State[];
  readonly journal: readonly JournalRow[];
  readonly violation: Violation | undefined;
}

/**
 * One history of a world with real documents, chosen by numbers: each takes the next step among those that are possible. Numbers
 * divisible by twelve take any, the others one that a release may count on, so that histories get somewhere. Ends with the last release.
 */
export const walk = (config: WorldConfig, choices: readonly number[], asked: readonly Invariant[] = invariants, behaviour: Behaviour = asBuilt): Walked => {
  const watching = watchful(config, behaviour, asked);
  const documents = realDocuments(behaviour, config.rollout.progressDeadlineMs + 1, watching);
  const steps = stepsOf(config, behaviour, documents, watching.landed, watching.problem);
  let state = steps.first();
  documents.happened(state.documents);
  const history: string[] = [];
  const states = [state];
  for (const choice of choices) {
    if (steps.isEnd(state) && state.world.delivered.length === config.once.length) break;
    const possible = steps.of(state);
    const healing = possible.filter(({ heals, label }) => heals && !/resume|retry|resolved/.test(label));
    const among = choice % 12 === 0 || healing.length === 0 ? possible : healing;
    const next = among[Math.floor(choice / 12) % among.length];
    if (next === undefined) break;
    state = next.state();
    history.push(next.label);
    states.push(state);
    documents.happened(state.documents);
    const violation = watching.take() ?? watching.state(state);
    if (violation !== undefined) return { history, states, journal: documents.journal, violation };
  }
  return { history, states, journal: documents.journal, violation: undefined };
};
