import type { Input, Millis } from '../events/input.ts';
import { countsOf, type Counts } from './counts.ts';
import type { Document, JournalRow, Outcome } from './document.ts';
import type { Effect } from './effects.ts';

/** While its outbox holds something, a document is looked at again at the latest after this, whatever happened to its worker. */
const outboxPatience: Millis = 15_000;
/** Ids of outside inputs that a rollout's document remembers; a release remembers all of its own. */
const rolloutMemory = 100;

/** What `advance` made of an input. `document` is undefined only for an input to a document that does not exist. */
export interface Advanced {
  readonly outcome: Outcome;
  readonly document: Document | undefined;
  readonly row?: JournalRow;
  /** What the step adds to the totals. */
  readonly counts?: Counts;
}

/** The document of the next version with these changes, and its row of the journal. */
export const bump = (document: Document, input: Input, changes: Partial<Document>, outcome: 'moved' | 'noted', now: Millis, effects: readonly Effect[], said = ''): Advanced => {
  const fromOutside = input.effect === undefined && input.timer === undefined;
  const seen = fromOutside ? [...document.seen, input.id] : document.seen;
  const { wakeAt: _previous, ...rest } = document;
  const next: Document = {
    ...rest,
    ...changes,
    version: document.version + 1,
    seen: document.kind === 'rollout' ? seen.slice(-rolloutMemory) : seen,
    updatedAt: now,
  };
  const wakes = [...Object.values(next.timers).map(({ dueAt }) => dueAt), ...(next.outbox.length > 0 ? [now + outboxPatience] : [])];
  const saved: Document = wakes.length === 0 ? next : { ...next, wakeAt: Math.min(...wakes) };
  const row: JournalRow = {
    document: document.id,
    version: saved.version,
    at: now,
    machine: saved.machine,
    input,
    outcome,
    state: saved.snapshot.value,
    effects,
    ...(said === '' ? {} : { said }),
  };
  return { outcome, document: saved, row, counts: countsOf(document, saved, input, now) };
};
