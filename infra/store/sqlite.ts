import type { DatabaseSync } from 'node:sqlite';
import { countedUnder } from '../../statemachines/counts.ts';
import type { Document, JournalRow } from '../../statemachines/document.ts';
import type { Commits } from '../sqlite/commits.ts';
import { number, optionalNumber, text } from '../sqlite/rows.ts';
import type { Store } from './port.ts';
import { checkSave } from './save-check.ts';

/** Sorts behind every id that starts with the prefix it is appended to. */
const behindAll = '\u{10ffff}';

/** The store on an open database; `onClose` runs once, at its first `close`. After that every call rejects. */
export const sqliteStore = (db: DatabaseSync, commits: Commits, onClose: () => void): Store => {
  const load = db.prepare('SELECT body FROM documents WHERE id = ?');
  const versionOf = db.prepare('SELECT version FROM documents WHERE id = ?');
  const put = db.prepare(
    `INSERT INTO documents (id, version, wake_at, body) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, body = excluded.body`,
  );
  const append = db.prepare('INSERT INTO journal (document, version, body) VALUES (?, ?, ?)');
  const due = db.prepare('SELECT id, wake_at FROM documents WHERE wake_at <= ? ORDER BY wake_at, id LIMIT ?');
  const nextWake = db.prepare('SELECT min(wake_at) AS wake_at FROM documents WHERE wake_at IS NOT NULL');
  const lookup = db.prepare('SELECT document FROM index_keys WHERE key = ? ORDER BY document');
  const list = db.prepare('SELECT body FROM documents WHERE id >= ? AND id < ? ORDER BY id LIMIT ?');
  const journalOf = db.prepare('SELECT body FROM journal WHERE document = ? AND version > ? ORDER BY version LIMIT ?');
  const count = db.prepare('INSERT INTO totals (rollout, sample, amount) VALUES (?, ?, ?) ON CONFLICT (rollout, sample) DO UPDATE SET amount = amount + excluded.amount');
  const totals = db.prepare('SELECT rollout, sample, amount FROM totals ORDER BY rollout, sample');
  const holderOf = db.prepare('SELECT document FROM claims WHERE key = ?');
  const indexKeys = keySet(db, 'index_keys');
  const claims = keySet(db, 'claims');

  let closed = false;
  const assertOpen = (): void => {
    if (closed) throw new Error('store: it is closed; nothing can be read or saved any more');
  };

  return {
    load: async (id) => {
      assertOpen();
      const row = load.get(id);
      return row === undefined ? undefined : (JSON.parse(text(row, 'body')) as Document);
    },

    save: async (document, expected, journal, counts = {}) => {
      assertOpen();
      checkSave(document, expected, journal);
      const { id, version, wakeAt } = document;
      // Written out now: the caller's object may change before the transaction comes.
      const body = JSON.stringify(document);
      const rows = journal.map((row) => ({ version: row.version, body: JSON.stringify(row) }));
      const counted = Object.entries(counts);
      const rollout = countedUnder(id);
      const wanted = { index: new Set(document.index), claims: new Set(document.claims) };

      return commits.write(() => {
        if ((optionalNumber(versionOf.get(id), 'version') ?? 0) !== expected) return { ok: false, reason: 'conflict' };
        for (const claim of wanted.claims) {
          const holder = holderOf.get(claim);
          if (holder !== undefined && text(holder, 'document') !== id) {
            return { ok: false, reason: 'claimed', claim, by: text(holder, 'document') };
          }
        }
        put.run(id, version, wakeAt ?? null, body);
        for (const row of rows) append.run(id, row.version, row.body);
        for (const [sample, amount] of counted) count.run(rollout, sample, amount);
        indexKeys.replace(id, wanted.index);
        claims.replace(id, wanted.claims);
        return { ok: true };
      });
    },

    due: async (until, limit) => {
      assertOpen();
      return due.all(until, limit).map((row) => ({ id: text(row, 'id'), wakeAt: number(row, 'wake_at') }));
    },

    nextWake: async () => {
      assertOpen();
      return optionalNumber(nextWake.get(), 'wake_at');
    },

    lookup: async (indexKey) => {
      assertOpen();
      return lookup.all(indexKey).map((row) => text(row, 'document'));
    },

    list: async (prefix, limit) => {
      assertOpen();
      return list.all(prefix, prefix + behindAll, limit).map((row) => JSON.parse(text(row, 'body')) as Document);
    },

    journal: async (id, after, limit) => {
      assertOpen();
      return journalOf.all(id, after, limit).map((row) => JSON.parse(text(row, 'body')) as JournalRow);
    },

    totals: async () => {
      assertOpen();
      const byRollout = new Map<string, Record<string, number>>();
      for (const row of totals.all()) {
        const rollout = text(row, 'rollout');
        const counts = byRollout.get(rollout) ?? {};
        byRollout.set(rollout, counts);
        counts[text(row, 'sample')] = number(row, 'amount');
      }
      return [...byRollout].map(([rollout, counts]) => ({ rollout, counts }));
    },

    close: async () => {
      if (closed) return;
      closed = true;
      onClose();
    },
  };
};

/** The keys a document has in one of the two key tables; most saves leave them as they are, and then nothing is written. */
const keySet = (db: DatabaseSync, table: 'index_keys' | 'claims'): { replace(id: string, wanted: ReadonlySet<string>): void } => {
  const held = db.prepare(`SELECT key FROM ${table} WHERE document = ?`);
  const add = db.prepare(`INSERT INTO ${table} (key, document) VALUES (?, ?)`);
  const drop = db.prepare(`DELETE FROM ${table} WHERE key = ? AND document = ?`);
  return {
    replace: (id, wanted) => {
      const before = new Set(held.all(id).map((row) => text(row, 'key')));
      for (const key of before) if (!wanted.has(key)) drop.run(key, id);
      for (const key of wanted) if (!before.has(key)) add.run(key, id);
    },
  };
};
