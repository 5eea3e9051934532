import type { Input } from '../../events/input.ts';
import { advance } from '../../statemachines/advance.ts';
import type { Advanced } from '../../statemachines/advanced.ts';
import type { Document } from '../../statemachines/document.ts';

export type Advance = (document: Document | undefined, input: Input, now: number) => Advanced;

/** How the core and the performers behave. Mutants change one thing each. */
export interface Behaviour {
  readonly advance: Advance;
  /** A performer asks the stored document, between its reads and its write, whether the effect is still wished for. */
  readonly fenced: boolean;
  /** Writes are conditional on the version that was read. */
  readonly conditional: boolean;
  /** These ways back change their object even when the content is right already. */
  readonly wayBackWrites: ReadonlySet<string>;
  /** A failed test of an armed write is answered by reading and planning again. */
  readonly plansAgain: boolean;
  /** The armed write tests the mark of its release. */
  readonly testsMark: boolean;
  /** What a release creates is owned by its marker object. */
  readonly ownedByMarker: boolean;
  /** `fleet.look` counts ready endpoints, not the pods that were asked for. */
  readonly looksAtEndpoints: boolean;
  /** Back to stable means that our entries are removed, not left at weight 0. */
  readonly removesEntries: boolean;
  /** Where a worker may hang. `taken` is only worth its states when nothing asks the document again. */
  readonly hangs: 'taken' | 'read';
  /** A save is conditional on the version that was loaded; who loses it drops what it holds in memory. */
  readonly savesOverItsOwn: boolean;
  /** What a worker holds in memory is saved before its next write. */
  readonly savesBeforeWrites: boolean;
  /** Effects that stand aside reach their document in the order of the outbox. */
  readonly tellsInOrder: boolean;
}

export const asBuilt: Behaviour = {
  advance,
  fenced: true,
  conditional: true,
  wayBackWrites: new Set(['route.restore', 'template.write', 'autoscaler.unpin']),
  plansAgain: true,
  testsMark: true,
  ownedByMarker: true,
  looksAtEndpoints: true,
  removesEntries: true,
  hangs: 'read',
  savesOverItsOwn: true,
  savesBeforeWrites: true,
  tellsInOrder: true,
};
