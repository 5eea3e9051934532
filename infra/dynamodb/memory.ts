import type { DocumentId, Millis } from '../../events/input.ts';
import type { Clock } from '../clock.ts';
import type { Held } from './items.ts';

/** Documents to remember. One takes some tens of kilobytes. */
const most = 128;
/** Milliseconds: a run of the worker is over by then. Old memories would be true as well, but what relies on their age need not be thought of. */
const longest: Millis = 60_000;

/** What the items of documents held when they were last loaded or saved, which spares a save a read. It may forget at any time. */
export interface Memory {
  remember(id: DocumentId, held: Held): void;
  recall(id: DocumentId, version: number): Held | undefined;
  forget(id: DocumentId): void;
}

export const createMemory = (clock: Clock): Memory => {
  const entries = new Map<DocumentId, { readonly held: Held; readonly at: Millis }>();
  return {
    remember: (id, held) => {
      entries.delete(id);
      entries.set(id, { held, at: clock.now() });
      const [oldest] = entries.keys();
      if (entries.size > most && oldest !== undefined) entries.delete(oldest);
    },
    recall: (id, version) => {
      const entry = entries.get(id);
      return entry !== undefined && entry.held.version === version && clock.now() - entry.at < longest ? entry.held : undefined;
    },
    forget: (id) => void entries.delete(id),
  };
};
