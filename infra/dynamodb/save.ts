import { randomUUID } from 'node:crypto';
import type { DocumentId } from '../../events/input.ts';
import type { Counts } from '../../statemachines/counts.ts';
import type { Document, JournalRow } from '../../statemachines/document.ts';
import type { Clock } from '../clock.ts';
import type { SaveResult } from '../store/port.ts';
import { createClaims } from './claims.ts';
import type { Totals } from './counts.ts';
import { lookupKey } from './indexes.ts';
import { carriedItem, documentItem, documentKey, isOver, nothingHeld, packedCounts, readHeld, readStored, unchanged, type Counted, type Held } from './items.ts';
import { writeChunk } from './journal.ts';
import type { Memory } from './memory.ts';
import { packed } from './packed.ts';
import { S, type Expression, type Requests } from './requests.ts';
import { checkSize } from './size.ts';

/**
 * Bytes of journal rows, and of counts, packed, that a document carries along before they are written out. Every save pays for what is carried,
 * by the kilobyte; writing out is a request of its own. Rows of one save stay together, whatever their size.
 */
const carried = { rows: 4_096, counts: 1_024 };

interface Parts {
  readonly requests: Requests;
  readonly memory: Memory;
  readonly totals: Totals;
  readonly clock: Clock;
}

type Save = (document: Document, expected: number, journal: readonly JournalRow[], counts: Counts) => Promise<SaveResult>;

/** One conditional put, before it what must be there when it is done, after it what may be cleared away. */
export const createSave = ({ requests, memory, totals, clock }: Parts): Save => {
  const claims = createClaims(requests, clock);

  /** What the stored version holds; undefined when another version is stored. */
  const heldAt = async (id: DocumentId, version: number, needed: boolean): Promise<Held | undefined> => {
    const remembered = memory.recall(id, version);
    if (remembered !== undefined) return remembered;
    if (!needed) return nothingHeld();
    const held = readHeld(await requests.get(documentKey(id)));
    return held.version === version ? held : undefined;
  };

  /** Counts that could not be added stay with the document and are tried again; they are no reason to hold up a release. */
  const addCounts = (id: DocumentId, counted: readonly Counted[]): Promise<boolean> =>
    totals.add(id, counted).then(
      () => true,
      () => false,
    );

  const settleOver = async (id: DocumentId): Promise<void> => {
    memory.forget(id);
    await totals.settle(id);
  };

  return async (document, expected, journal, counts) => {
    const { id, version } = document;
    // Written out now: the caller's object may change before the requests are made.
    const body = JSON.stringify(document);
    const rows = journal.map((row) => JSON.stringify(row));
    const entry: readonly Counted[] = Object.keys(counts).length === 0 ? [] : [[version, { ...counts }]];
    const wanted = { index: [...new Set(document.index)], claims: [...new Set(document.claims)] };
    const over = isOver(document);
    const token = randomUUID();
    const attributes = documentItem(document, body, token);

    const held = await heldAt(id, expected, expected > 0 || wanted.claims.length > 0);
    if (held === undefined) return { ok: false, reason: 'conflict' };

    const makesRoom = held.pending.length > 0 && packed([...held.pending, ...rows]).byteLength > carried.rows;
    const addsUp = held.counted.length > 0 && packedCounts([...held.counted, ...entry]).byteLength > carried.counts;
    const [added] = await Promise.all([
      addsUp && addCounts(id, held.counted),
      makesRoom && writeChunk(requests, id, held.pending, clock.now()),
      ...wanted.index.filter((key) => !held.index.includes(key)).map((key) => requests.put(lookupKey(key, id), {})),
    ]);
    const next: Held = {
      version,
      pending: makesRoom ? rows : [...held.pending, ...rows],
      counted: added ? entry : [...held.counted, ...entry],
      ...wanted,
    };
    const item = { ...attributes, ...carriedItem(id, next) };
    checkSize(id, item);

    const newClaims = wanted.claims.filter((claim) => !held.claims.includes(claim));
    const taking = newClaims.length === 0 ? { taken: [] } : await claims.take(id, version, newClaims);
    if ('by' in taking) return { ok: false, reason: 'claimed', ...taking };

    const condition = newClaims.length === 0 ? unchanged(expected) : both(unchanged(expected), sameFence(held.fence));
    if (!(await requests.put(documentKey(id), item, condition))) {
      memory.forget(id);
      const stored = readStored(await requests.get(documentKey(id)));
      // The SDK repeats a request whose answer was lost, and the repetition meets what the first one wrote.
      if (stored?.save !== token) {
        await claims.giveBack(taking.taken.filter(({ claim }) => stored?.held.claims.includes(claim) !== true));
        return { ok: false, reason: 'conflict' };
      }
    }
    memory.remember(id, next);

    // The save is durable; whatever of this fails is made up for by whoever meets it.
    const dropped = held.claims.filter((claim) => !wanted.claims.includes(claim));
    await Promise.allSettled([claims.drop(id, version, dropped), over && next.counted.length > 0 ? settleOver(id) : undefined]);
    return { ok: true };
  };
};

const sameFence = (fence: string | undefined): Expression =>
  fence === undefined
    ? { text: 'attribute_not_exists(#fence)', names: { '#fence': 'fence' } }
    : { text: '#fence = :fence', names: { '#fence': 'fence' }, values: { ':fence': S(fence) } };

const both = (a: Expression, b: Expression): Expression => ({
  text: `${a.text} AND ${b.text}`,
  names: { ...a.names, ...b.names },
  values: { ...a.values, ...b.values },
});
