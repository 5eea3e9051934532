import type { DatabaseSync } from 'node:sqlite';

/** Runs writes in shared transactions: whatever was asked for in one turn of the event loop costs one sync of the disk. */
export interface Commits {
  /**
   * Runs `work` (synchronous; it may throw to undo only itself) in the next transaction. Resolves with its result when that is
   * durable; rejects with what it threw, or with the failure of the transaction.
   */
  write<T>(work: () => T): Promise<T>;
  /** Commits at once what still waits. */
  flush(): void;
}

interface Waiting {
  /** Does the work and returns what tells the caller, to be called when it is durable. */
  attempt(): () => void;
  fail(error: unknown): void;
}

/** Shared commits on one database handle, which nobody else may open transactions on. */
export const sharedCommits = (db: DatabaseSync): Commits => {
  const savepoint = db.prepare('SAVEPOINT one');
  const keep = db.prepare('RELEASE one');
  const undo = db.prepare('ROLLBACK TO one');
  let waiting: Waiting[] = [];

  const isolated = (write: Waiting): (() => void) => {
    savepoint.run();
    try {
      const tell = write.attempt();
      keep.run();
      return tell;
    } catch (error) {
      // A full disk and the like undo the whole transaction: then nobody's write happened.
      if (!db.isTransaction) throw error;
      undo.run();
      keep.run();
      return () => write.fail(error);
    }
  };

  const transact = (batch: readonly Waiting[]): readonly (() => void)[] => {
    // Taking the write lock first means that no statement in between can find it taken.
    db.exec('BEGIN IMMEDIATE');
    try {
      const tellings = batch.map(isolated);
      db.exec('COMMIT');
      return tellings;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  };

  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    try {
      for (const tell of transact(batch)) tell();
    } catch (error) {
      for (const write of batch) write.fail(error);
    }
  };

  return {
    write: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        waiting.push({
          attempt: () => {
            const result = work();
            return () => resolve(result);
          },
          fail: reject,
        });
        // Not a microtask: the other requests that this turn of the loop reads from their sockets shall share the commit.
        if (waiting.length === 1) setImmediate(flush);
      }),
    flush,
  };
};
