import type { DatabaseSync } from 'node:sqlite';
import type { Millis } from '../../events/input.ts';
import { number, text } from '../sqlite/rows.ts';
import type { Row } from '../sqlite/rows.ts';
import type { DeadLetter, Message } from './port.ts';

/** The table of what could not be handled. Its writes are to be called inside a transaction. */
export interface DeadLetters {
  /** `message` is the JSON text of a message. */
  bury(at: Millis, reason: string, message: string): void;
  park(at: Millis, reason: string, raw: string, source: string): void;
  count(): number;
  newest(limit: number): readonly DeadLetter[];
  /** Takes out the message with this id; undefined when there is none or it is raw text, which stays. */
  takeMessage(id: string): Message | undefined;
}

/** Dead letters on an open database; ids are short numbers, for people to type. */
export const sqliteDeadLetters = (db: DatabaseSync): DeadLetters => {
  const bury = db.prepare('INSERT INTO dead_letters (at, reason, message) VALUES (?, ?, ?)');
  const park = db.prepare('INSERT INTO dead_letters (at, reason, raw, source) VALUES (?, ?, ?, ?)');
  const newest = db.prepare('SELECT * FROM dead_letters ORDER BY number DESC LIMIT ?');
  const count = db.prepare('SELECT count(*) AS letters FROM dead_letters');
  const take = db.prepare('DELETE FROM dead_letters WHERE number = ? AND message IS NOT NULL RETURNING message');

  return {
    bury: (at, reason, message) => void bury.run(at, reason, message),
    park: (at, reason, raw, source) => void park.run(at, reason, raw, source),
    count: () => number(count.get() ?? {}, 'letters'),
    newest: (limit) => newest.all(limit).map(letter),
    takeMessage: (id) => {
      const row = /^[1-9]\d*$/.test(id) ? take.get(Number(id)) : undefined;
      return row === undefined ? undefined : (JSON.parse(text(row, 'message')) as Message);
    },
  };
};

const letter = (row: Row): DeadLetter => ({
  id: String(number(row, 'number')),
  at: number(row, 'at'),
  reason: text(row, 'reason'),
  message:
    row['message'] === null
      ? { raw: text(row, 'raw'), source: text(row, 'source') }
      : (JSON.parse(text(row, 'message')) as Message),
});
