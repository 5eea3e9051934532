import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sharedCommits } from '../infra/sqlite/commits.ts';
import { openDatabase } from '../infra/sqlite/database.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import { storeContract } from './contract/store.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { aDocument, aRow } from './fixtures/stored.ts';

const open = (path: string) => openSqlite(path, { clock: heldClock() });

storeContract('SQLite', async () => open(':memory:').store);

describe('the SQLite file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-store-'));
    path = join(folder, 'below', 'sluice.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('keeps documents, journal, keys, claims and wake times over a restart', async () => {
    const id = 'release/pro/demo/1';
    const document = aDocument(id, 1, { index: ['image:x'], claims: ['workload:demo'], wakeAt: 9 });
    const before = open(path);
    await before.store.save(document, 0, [aRow(id, 1)]);
    await before.close();

    const { store, close } = open(path);
    expect(await store.load(id)).toEqual(document);
    expect(await store.journal(id, 0, 10)).toEqual([aRow(id, 1)]);
    expect(await store.lookup('image:x')).toEqual([id]);
    expect(await store.nextWake()).toBe(9);
    expect(await store.save(aDocument('release/pro/b/1', 1, { claims: ['workload:demo'] }), 0, [])).toMatchObject({ reason: 'claimed', by: id });
    await close();
  });

  test('is written through to the disk at every commit', () => {
    const db = openDatabase(path);
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    db.close();
  });

  test('is opened also while another process is just making it', async () => {
    mkdirSync(dirname(path));
    const maker = new Worker(
      `const { DatabaseSync } = require('node:sqlite');
       const { parentPort, workerData } = require('node:worker_threads');
       const db = new DatabaseSync(workerData);
       db.exec('BEGIN IMMEDIATE');
       parentPort.postMessage('locked');
       setTimeout(() => db.close(), 100);`,
      { eval: true, workerData: path },
    );
    await once(maker, 'message');
    openDatabase(path).close();
    await maker.terminate();
  });

  test('made by a newer Sluice is refused and left alone', () => {
    openDatabase(path).close();
    const newer = new DatabaseSync(path);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    expect(() => open(path)).toThrow(/schema version is 99, this Sluice knows up to \d+/);
    const after = new DatabaseSync(path);
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 });
    after.close();
  });

  test('holds what was asked for before it was closed', async () => {
    const before = open(path);
    const saving = before.store.save(aDocument('release/pro/demo/1', 1), 0, []);
    await before.close();
    expect(await saving).toEqual({ ok: true });
    const { store, close } = open(path);
    expect(await store.load('release/pro/demo/1')).toBeDefined();
    await close();
  });

  test('stays open for the queue when the store is closed', async () => {
    const { store, queue, close } = open(path);
    await store.close();
    await queue.park('text', 'test', 'odd');
    expect(await queue.deadLetters(1)).toHaveLength(1);
    await close();
  });
});

describe('shared commits', () => {
  const opened = () => {
    const db = openDatabase(':memory:');
    db.exec('CREATE TABLE t (k TEXT PRIMARY KEY) STRICT');
    const insert = db.prepare('INSERT INTO t VALUES (?)');
    const stored = () => db.prepare('SELECT k FROM t ORDER BY k').all().map((row) => row['k']);
    return { db, insert, stored, commits: sharedCommits(db) };
  };

  test('writes of one turn share one commit', async () => {
    const { db, insert, stored, commits } = opened();
    const exec = vi.spyOn(db, 'exec');
    await Promise.all(['a', 'b', 'c'].map((key) => commits.write(() => insert.run(key))));
    expect(exec.mock.calls.flat()).toEqual(['BEGIN IMMEDIATE', 'COMMIT']);
    expect(stored()).toEqual(['a', 'b', 'c']);
  });

  test('a write that throws undoes itself alone', async () => {
    const { insert, stored, commits } = opened();
    const results = await Promise.allSettled([
      commits.write(() => insert.run('a')),
      commits.write(() => {
        insert.run('half');
        insert.run('a');
      }),
      commits.write(() => insert.run('c')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(stored()).toEqual(['a', 'c']);
  });

  test('when the commit fails every write of it is refused, and the next ones go on', async () => {
    const { db, insert, stored, commits } = opened();
    const exec = vi.spyOn(db, 'exec').mockImplementation((sql) => {
      if (sql === 'COMMIT') throw new Error('disk I/O error');
      DatabaseSync.prototype.exec.call(db, sql);
    });
    const results = await Promise.allSettled([commits.write(() => insert.run('a')), commits.write(() => insert.run('b'))]);
    expect(results.map((result) => result.status === 'rejected' && String(result.reason))).toEqual(Array(2).fill('Error: disk I/O error'));
    exec.mockRestore();
    await commits.write(() => insert.run('c'));
    expect(stored()).toEqual(['c']);
  });

  test('when an error undoes the whole transaction every write of it is refused', async () => {
    const { db, insert, stored, commits } = opened();
    const results = await Promise.allSettled([
      commits.write(() => insert.run('a')),
      commits.write(() => {
        // What SQLite does by itself when the disk is full.
        db.exec('ROLLBACK');
        throw new Error('database or disk is full');
      }),
    ]);
    expect(results.map((result) => result.status === 'rejected' && String(result.reason))).toEqual(Array(2).fill('Error: database or disk is full'));
    await commits.write(() => insert.run('c'));
    expect(stored()).toEqual(['c']);
  });
});
