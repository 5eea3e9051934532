import type { Json } from '../events/input.ts';
import { advance } from './advance.ts';
import type { Document, JournalRow } from './document.ts';

/** `ok: false`: the first row whose outcome, state or effects are not those of then. */
export type Replayed = { readonly ok: true; readonly rows: number } | { readonly ok: false; readonly version: number; readonly expected: Json; readonly reached: Json };

/** Feeds a journal through `advance` again: the same machine version must reach the same states. */
export const replay = (rows: readonly JournalRow[]): Replayed => {
  let document: Document | undefined;
  for (const row of rows) {
    const advanced = advance(document, row.input, row.at);
    document = advanced.document;
    const reached = { outcome: advanced.row?.outcome ?? advanced.outcome, state: document?.snapshot.value, effects: advanced.row?.effects };
    const expected = { outcome: row.outcome, state: row.state, effects: row.effects };
    if (JSON.stringify(reached) !== JSON.stringify(expected)) return { ok: false, version: row.version, expected: expected as unknown as Json, reached: reached as unknown as Json };
  }
  return { ok: true, rows: rows.length };
};
