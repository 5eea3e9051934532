import type { Input } from '../../events/input.ts';
import type { Document, JournalRow } from '../../statemachines/document.ts';
import type { Behaviour } from './behaviour.ts';
import { viewOf, type Documents, type Taken, type View, type Watcher } from './documents.ts';
import { moment } from './normal-form.ts';

interface Move {
  readonly before: View | undefined;
  readonly input: Input;
  readonly taken: Taken;
  readonly now: number;
  readonly row: JournalRow | undefined;
}

export interface RealDocuments extends Documents {
  /** Of all that might have happened, this did: its documents go into the journal, the clock on to them, and the watcher hears of it. */
  happened(documents: readonly (View | undefined)[]): void;
  readonly journal: readonly JournalRow[];
}

/** Documents as the store keeps them, with versions, arms and a clock: nothing is forgotten and no two are taken for one. */
export const realDocuments = (behaviour: Behaviour, lateBy: number, watcher: Watcher): RealDocuments => {
  let clock = moment;
  let count = 0;
  let possible = new Map<View, Move>();
  const journal: JournalRow[] = [];

  return {
    journal,
    count: () => count,
    take(view, _key, make, when = 'now') {
      const input = make();
      const due = input.timer === undefined ? clock : (view?.document.timers[input.timer.name]?.dueAt ?? clock);
      const now = Math.max(clock + 1, due) + (when === 'late' ? lateBy : 0);
      const advanced = behaviour.advance(view?.document, input, now);
      const same = advanced.document === undefined || advanced.document === view?.document;
      // As it would come back from the store.
      const next = same ? view : viewOf(++count, JSON.parse(JSON.stringify(advanced.document)) as Document);
      const taken: Taken = { view: next, outcome: advanced.outcome, keys: new Map(next?.document.outbox.map(({ key }) => [key, key])), said: advanced.row?.said ?? '' };
      if (next !== undefined && next !== view) possible.set(next, { before: view, input, taken, now, row: advanced.row });
      return taken;
    },
    happened(documents) {
      // A document may have taken two inputs in one step: the one before comes first.
      const moves: Move[] = [];
      const collect = (view: View | undefined): void => {
        const move = view === undefined ? undefined : possible.get(view);
        if (move === undefined) return;
        collect(move.before);
        moves.push(move);
      };
      for (const view of documents) collect(view);
      for (const { before, input, taken, now, row } of moves) {
        clock = Math.max(clock, now);
        if (row !== undefined) journal.push(row);
        watcher.moved(before, input, taken);
        if (taken.view !== undefined) watcher.met(taken.view);
      }
      possible = new Map();
    },
  };
};
