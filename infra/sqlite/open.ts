import type { Clock } from '../clock.ts';
import type { Queue } from '../queue/port.ts';
import { sqliteQueue } from '../queue/sqlite.ts';
import type { Store } from '../store/port.ts';
import { sqliteStore } from '../store/sqlite.ts';
import { sharedCommits } from './commits.ts';
import { openDatabase } from './database.ts';

/** Store and queue in one file, whose writes share their commits. */
export interface Embedded {
  readonly store: Store;
  readonly queue: Queue;
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
    close: async () => {
      await store.close();
      await queue.close();
    },
  };
};
