import type { Clock } from '../clock.ts';
import type { ArrivalQueue } from '../queue/port.ts';
import { sqliteQueue } from '../queue/sqlite.ts';
import type { Store } from '../store/port.ts';
import { sqliteStore } from '../store/sqlite.ts';
import { sharedCommits } from './commits.ts';
import { openDatabase } from './database.ts';

/** Store and queue in one file, whose writes share their commits. */
export interface Embedded {
  readonly store: Store;
  readonly queue: ArrivalQueue;
  /**
   * Makes every message receivable again that somebody had in hand. For a process that begins: whoever had them is dead, or is a
   * second process, whose work is then done twice, which the version condition of the store makes harmless.
   */
  reclaim(): Promise<void>;
  /** Closes both, after what was already asked for is durable. */
  close(): Promise<void>;
}

/**
 * Opens (and makes or migrates) the database file at `path`; ':memory:' lives as long as the process. Several processes may open
 * the same file, but one hears of arrivals only from itself. The file is closed when store and queue both are.
 * Throws when the file cannot be opened, is no database or was made by a newer Sluice.
 */
export const openSqlite = (path: string, { clock }: { readonly clock: Clock }): Embedded => {
  const db = openDatabase(path);
  const commits = sharedCommits(db);
  const reclaim = db.prepare('UPDATE messages SET held = 0, visible_at = min(visible_at, ?) WHERE held = 1');
  const open = new Set(['store', 'queue']);
  const closer = (part: string) => (): void => {
    commits.flush();
    if (open.delete(part) && open.size === 0) db.close();
  };
  const store = sqliteStore(db, commits, closer('store'));
  const queue = sqliteQueue(db, commits, clock, closer('queue'));
  return {
    store,
    queue,
    reclaim: async () => {
      await commits.write(() => reclaim.run(clock.now()));
    },
    close: async () => {
      await store.close();
      await queue.close();
    },
  };
};
