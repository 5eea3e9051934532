import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { migrations } from './schema.ts';
import { number, text } from './rows.ts';

/** How long a statement waits for another process that writes, in milliseconds. */
const busyMs = 5_000;

/**
 * Opens the file (made with its folder if missing) so that a commit is on the disk when it returns, and brings its tables up to date.
 * Throws when the file was made by a newer Sluice, or when its file system cannot hold a write-ahead log.
 */
export const openDatabase = (path: string): DatabaseSync => {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path, { timeout: busyMs });
  try {
    const mode = journalMode(db);
    if (mode !== 'wal' && path !== ':memory:') {
      throw new Error(`database ${path}: journal mode is ${mode}, must be wal; put it on a local disk`);
    }
    db.exec('PRAGMA synchronous = FULL');
    migrate(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
};

/** Asks for the write-ahead log, as often as another process that is opening the same new file makes necessary. */
const journalMode = (db: DatabaseSync): string => {
  const until = performance.now() + busyMs;
  for (;;) {
    try {
      const row = db.prepare('PRAGMA journal_mode = WAL').get();
      return row === undefined ? 'unknown' : text(row, 'journal_mode');
    } catch (error) {
      // This one change of lock is refused at once, without the busy timeout (sqlite.org/c3ref/busy_handler.html).
      if (!isBusy(error) || performance.now() > until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
};

/** Primary result code SQLITE_BUSY; the extended ones carry it in their low byte. */
const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5;

const migrate = (db: DatabaseSync, path: string): void => {
  db.exec('BEGIN IMMEDIATE');
  try {
    const row = db.prepare('PRAGMA user_version').get();
    const found = row === undefined ? 0 : number(row, 'user_version');
    if (found > migrations.length) {
      throw new Error(`database ${path}: schema version is ${found}, this Sluice knows up to ${migrations.length}; use a newer Sluice`);
    }
    for (const step of migrations.slice(found)) db.exec(step);
    db.exec(`PRAGMA user_version = ${migrations.length}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
};
