import { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '../../infra/sqlite/database.ts';

/** What became of webhooks, as a closed database has it. */
export interface Durable {
  /** Judged by the rollout they concern: the input is in its journal. */
  readonly judged: number;
  /** Still in the queue. */
  readonly queued: number;
}

export const durable = (path: string): Durable => {
  const db = new DatabaseSync(path, { readOnly: true });
  const count = (sql: string): number => Number(db.prepare(sql).get()?.['n']);
  const found = {
    judged: count(`SELECT count(DISTINCT json_extract(body, '$.input.id')) AS n FROM journal WHERE json_extract(body, '$.input.event.type') = 'image.pushed'`),
    queued: count('SELECT count(*) AS n FROM messages'),
  };
  db.close();
  return found;
};

/** Inserts of one webhook's size a second, one to a commit, with the database settings of the product: what a disk makes of a naive server. */
export const insertsPerSecond = (path: string, bytes: number, ms: number): number => {
  const db = openDatabase(path);
  db.exec('CREATE TABLE bench (body TEXT NOT NULL) STRICT');
  const insert = db.prepare('INSERT INTO bench VALUES (?)');
  const body = 'x'.repeat(bytes);
  const begun = performance.now();
  let inserts = 0;
  while (performance.now() - begun < ms) {
    insert.run(body);
    inserts++;
  }
  const seconds = (performance.now() - begun) / 1_000;
  db.close();
  return inserts / seconds;
};
