import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqlite } from '../infra/sqlite/open.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { aDocument, aRow } from './fixtures/stored.ts';

const writerPath = join(import.meta.dirname, 'fixtures', 'sqlite-writer.ts');

describe('one SQLite file and processes that come and go', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-crash-'));
    path = join(folder, 'sluice.db');
  });
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  /** Runs a writer; `watch` sees its output grow and may kill it. Returns the whole lines it printed and how it ended. */
  const writer = async (name: string, rounds: string, watch: (lines: number, kill: () => void) => void = () => undefined) => {
    const child = spawn(process.execPath, [writerPath, path, name, rounds], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let out = '';
    let complaint = '';
    child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
      watch(out.split('\n').length - 1, () => child.kill('SIGKILL'));
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    return { lines: out.split('\n').slice(0, -1), end: signal ?? code, complaint };
  };

  const named = (lines: readonly string[], what: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1));

  /** Everything that was told is there, and every document is whole, whether it was told of or not. */
  const check = async (lines: readonly string[]): Promise<void> => {
    const raw = new DatabaseSync(path);
    expect(raw.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const rows = (table: string) => raw.prepare(`SELECT count(*) AS n FROM ${table} WHERE document LIKE 'release/%'`).get()?.['n'];
    const perTable = ['journal', 'index_keys', 'claims'].map(rows);
    raw.close();

    // Far in the future, so that what a dead writer had received is back.
    const { store, queue, close } = openSqlite(path, { clock: heldClock(Date.now() + 3_600_000) });
    const documents = await store.list('release/', 1_000_000);
    const ids = new Set(documents.map(({ id }) => id));
    expect(named(lines, 'saved').filter((id) => !ids.has(id))).toEqual([]);
    expect(perTable).toEqual([ids.size, ids.size, ids.size]);
    expect(await store.due(1, 1_000_000)).toHaveLength(ids.size);
    for (const document of documents) {
      expect(document).toEqual(aDocument(document.id, 1, { index: document.index, claims: document.claims, wakeAt: 1 }));
      expect(await store.lookup(`index:${document.id}`)).toEqual([document.id]);
      expect(await store.journal(document.id, 0, 2)).toEqual([aRow(document.id, 1)]);
    }
    const counted = lines.filter((line) => line === 'counted').length;
    expect((await store.load('rollout/pro/shared'))?.version ?? 0).toBeGreaterThanOrEqual(counted);

    const queued = new Set((await queue.receive('normal', 1_000_000, 1)).map(({ message }) => message.id));
    const acknowledged = named(lines, 'acknowledged');
    expect(acknowledged.filter((id) => queued.has(id))).toEqual([]);
    const gone = named(lines, 'sent').filter((id) => !queued.has(id) && !acknowledged.includes(id));
    // A writer may die between an acknowledgement and its line: at most one of each killed writer.
    expect(gone.length).toBeLessThanOrEqual(named(lines, 'killed').length);
    await close();
  };

  test('what was told is there after kill -9 at any instant, and nothing is half there', async () => {
    const lines: string[] = [];
    for (let round = 0; round < 6; round++) {
      const enough = 1 + Math.floor(Math.random() * 400);
      const waitMs = Math.random() * 3;
      const run = await writer(`w${round}`, 'Infinity', (seen, kill) => {
        if (seen >= enough) setTimeout(kill, waitMs);
      });
      expect(run.end, run.complaint).toBe('SIGKILL');
      expect(run.lines.length).toBeGreaterThanOrEqual(enough);
      lines.push(...run.lines, `killed w${round}`);
      await check(lines);
    }
  });

  test('processes that make and write one file at the same time neither lose, mix up nor block anything', async () => {
    const runs = await Promise.all(['a', 'b', 'c'].map((name) => writer(name, '60')));
    for (const run of runs) expect(run.end, run.complaint).toBe(0);
    const lines = runs.flatMap((run) => run.lines);
    await check(lines);
    const acknowledged = named(lines, 'acknowledged');
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    expect(named(lines, 'saved')).toHaveLength(360);
    const { store, close } = openSqlite(path, { clock: heldClock() });
    expect((await store.load('rollout/pro/shared'))?.version).toBe(180);
    await close();
  });
});
