import type { Behaviour } from './behaviour.ts';
import type { WorldConfig } from './configs.ts';
import { viewOf, type Taken, type Watcher } from './documents.ts';
import type { Ask, Invariant } from './invariants/invariant.ts';
import { ofDocuments } from './invariants/of-documents.ts';
import { ofWorlds } from './invariants/of-worlds.ts';
import { moment } from './normal-form.ts';
import type { Landing, State } from './successors.ts';

export interface Violation {
  readonly invariant: string;
  readonly problem: string;
}

export const invariants: readonly Invariant[] = [...ofDocuments, ...ofWorlds];

export interface Watching extends Watcher {
  landed(landing: Landing): void;
  problem(what: string): void;
  state(state: State): Violation | undefined;
  /** What was found since it was last asked. */
  take(): Violation | undefined;
}

/** Asks every invariant about whatever the search meets: documents and moves once each, writes and states as they come. */
export const watchful = (config: WorldConfig, behaviour: Behaviour, asked: readonly Invariant[] = invariants): Watching => {
  const documents = asked.filter((invariant) => invariant.document !== undefined);
  const moves = asked.filter((invariant) => invariant.move !== undefined);
  const writes = asked.filter((invariant) => invariant.write !== undefined);
  const states = asked.filter((invariant) => invariant.state !== undefined);
  let found: Violation | undefined;
  const note = (invariant: string, problem: string | undefined): void => {
    if (problem !== undefined) found ??= { invariant, problem };
  };

  /** Whatever the clock says, as the document's own time. */
  const ask: Ask = (view, input) => {
    const now = Math.max(moment, view.document.updatedAt);
    const advanced = behaviour.advance(view.document, { document: view.document.id, receivedAt: now, by: 'somebody', ...input }, now);
    const same = advanced.document === view.document;
    const taken: Taken = {
      view: advanced.document === undefined ? undefined : same ? view : viewOf(view.id, advanced.document),
      outcome: advanced.outcome,
      keys: new Map(),
      said: advanced.row?.said ?? '',
    };
    return taken;
  };

  return {
    met: (view) => {
      for (const { name, document } of documents) note(name, document?.(view, ask, config));
    },
    moved: (before, input, taken) => {
      for (const { name, move } of moves) note(name, move?.(before, input, taken, config));
    },
    landed: (landing) => {
      for (const { name, write } of writes) note(name, write?.(landing, config));
    },
    problem: (what) => note('Inputs', what),
    state: (state) => {
      for (const { name, state: check } of states) note(name, check?.(state, config));
      const now = found;
      found = undefined;
      return now;
    },
    take: () => {
      const taken = found;
      found = undefined;
      return taken;
    },
  };
};
