import type { DocumentId, Millis } from '../../events/input.ts';
import type { Message } from '../../infra/queue/port.ts';
import type { Store } from '../../infra/store/port.ts';
import { wakeId } from '../../infra/worker/wake.ts';
import type { Document } from '../../statemachines/document.ts';

/** The store as one message's handling sees it, and what that owes the document afterwards. */
export interface WatchedStore {
  readonly store: Store;
  /** Whether the moment at which the document must be woken still needs its message. */
  owed(document: Document, handled: Message, now: Millis): boolean;
}

/**
 * Each moment a document is to be woken at gets one message: from whoever saved it, and again from a wake that came before it. Were one
 * sent after every message, each input from outside would begin a chain of wakes of its own that lasts as long as the release.
 */
export const watchWakes = (store: Store): WatchedStore => {
  const known = new Map<DocumentId, Millis | undefined>();
  const introduced = new Set<string>();
  return {
    store: {
      ...store,
      load: async (id) => {
        const document = await store.load(id);
        known.set(id, document?.wakeAt);
        return document;
      },
      save: async (document, expected, journal, counts) => {
        const result = await store.save(document, expected, journal, counts);
        if (!result.ok) return result;
        const { id, wakeAt } = document;
        if (wakeAt !== undefined && wakeAt !== known.get(id)) introduced.add(wakeId(id, wakeAt));
        known.set(id, wakeAt);
        return result;
      },
    },
    owed: ({ id, wakeAt }, handled, now) => wakeAt !== undefined && (introduced.has(wakeId(id, wakeAt)) || (handled.id === wakeId(id, wakeAt) && now < wakeAt)),
  };
};
