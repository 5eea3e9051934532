import type { DocumentId, Millis } from '../../events/input.ts';
import type { JournalRow } from '../../statemachines/document.ts';
import { daysKept, documentKey, expiry, familyOf, readHeld } from './items.ts';
import { B, linesOf, packed } from './packed.ts';
import { S, type Requests } from './requests.ts';
import { keyNames } from './table.ts';

/** Chunks that are read at once, of some kilobytes each. */
const chunksAPage = 25;

/** Sorts as the numbers do, up to the largest one. */
const chunkSort = (version: number): string => `journal#${String(version).padStart(16, '0')}`;
const behindChunks = 'journal#~';

const rowOf = (line: string): JournalRow => JSON.parse(line) as JournalRow;

/**
 * Writes out rows that the stored item holds as pending; the next version of the item may leave them away. Repeating it writes the
 * same. Kept twice as long as the document of a release, so that they are there as long as it is, if it took less than half a year.
 */
export const writeChunk = async (requests: Requests, id: DocumentId, rows: readonly string[], now: Millis): Promise<void> => {
  const last = rows.at(-1);
  if (last === undefined) return;
  await requests.put({ partition: id, sort: chunkSort(rowOf(last).version) }, { rows: B(packed(rows)), ...(familyOf(id) === 'rollout' ? {} : expiry(now, 2 * daysKept)) });
};

/**
 * The document is read first: what it holds no longer as pending was written out before, so the chunks, read later, have it. The other
 * way round a row could be missed that is written out in between. A row may be in two chunks, when a save wrote it out and then failed.
 */
export const readJournal = async (requests: Requests, id: DocumentId, after: number, limit: number): Promise<readonly JournalRow[]> => {
  const pending = readHeld(await requests.get(documentKey(id))).pending.map(rowOf);
  const found = new Map<number, JournalRow>();
  const add = (row: JournalRow): void => void (row.version > after && found.set(row.version, row));

  const firstPending = pending[0]?.version;
  if (firstPending === undefined || firstPending > after + 1) {
    const where = {
      text: '#id = :id AND #chunk BETWEEN :from AND :to',
      names: { '#id': keyNames.partition, '#chunk': keyNames.sort },
      values: { ':id': S(id), ':from': S(chunkSort(after + 1)), ':to': S(behindChunks) },
    };
    for await (const item of requests.query({ where, pageItems: chunksAPage })) {
      for (const line of linesOf(item, 'rows')) add(rowOf(line));
      if (found.size >= limit) break;
    }
  }
  pending.forEach(add);
  return [...found.values()].sort((a, b) => a.version - b.version).slice(0, limit);
};
