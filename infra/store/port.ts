import type { DocumentId, Millis } from '../../events/input.ts';
import type { Counts } from '../../statemachines/counts.ts';
import type { Document, JournalRow } from '../../statemachines/document.ts';

/** `conflict`: somebody saved another version first. `claimed`: another document holds one of the claims. */
export type SaveResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'conflict' }
  | { readonly ok: false; readonly reason: 'claimed'; readonly claim: string; readonly by: DocumentId };

/**
 * Where documents and their journals live. Every promise that resolves is durable. `load` and `journal` are strongly consistent;
 * what is found through an index (`due`, `nextWake`, `list`) may be a moment behind, and `lookup` may not yet know a document that
 * is being saved. Whoever is found is loaded before anything is decided.
 */
export interface Store {
  load(id: DocumentId): Promise<Document | undefined>;
  /**
   * Replaces the document if the stored version is `expected` (0: it must not exist yet), together with its journal rows,
   * its index keys, its claims and its `wakeAt`, all or nothing, and adds `counts` to the totals of its rollout, once.
   */
  save(document: Document, expected: number, journal: readonly JournalRow[], counts?: Counts): Promise<SaveResult>;
  /** Ids of documents whose `wakeAt` is at most `until`, earliest first. */
  due(until: Millis, limit: number): Promise<readonly { readonly id: DocumentId; readonly wakeAt: Millis }[]>;
  /** The earliest `wakeAt` of all, for whoever sleeps until then. */
  nextWake(): Promise<Millis | undefined>;
  /** Ids of documents that carry this index key. */
  lookup(indexKey: string): Promise<readonly DocumentId[]>;
  /** Documents whose id starts with `prefix`, by id. A prefix is `rollout/` or longer, or `release/<namespace>/<name>/` or longer. */
  list(prefix: string, limit: number): Promise<readonly Document[]>;
  /** Journal rows of a document with a version above `after`, oldest first. */
  journal(id: DocumentId, after: number, limit: number): Promise<readonly JournalRow[]>;
  /** What was counted since the store was made, by rollout. The last steps of documents that are under way may be missing for a while. */
  totals(): Promise<readonly { readonly rollout: DocumentId; readonly counts: Counts }[]>;
  close(): Promise<void>;
}
