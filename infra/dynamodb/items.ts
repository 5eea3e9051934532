import type { DocumentId, Millis } from '../../events/input.ts';
import type { Counts } from '../../statemachines/counts.ts';
import type { Document } from '../../statemachines/document.ts';
import { B, linesOf, packed } from './packed.ts';
import { N, S, textOf, type Expression, type Item, type Key } from './requests.ts';
import { expiryAttribute, keyNames } from './table.ts';

/** What a step counted, with the version it led to. */
export type Counted = readonly [version: number, counts: Counts];

/** What a document's item holds besides the document, and the two parts of the document that a save compares. */
export interface Held {
  readonly version: number;
  /** Journal rows that are not written out yet, oldest first, as JSON. */
  readonly pending: readonly string[];
  /** Counts that may not be in the totals yet, oldest first. */
  readonly counted: readonly Counted[];
  readonly index: readonly string[];
  readonly claims: readonly string[];
  /** Set by whoever took a claim away from this document: who read the item before may not save a new claim any more. */
  readonly fence?: string;
}

export interface Stored {
  readonly held: Held;
  readonly document: Document;
  /** Names the save that wrote the item, so that one whose answer was lost recognises itself. */
  readonly save: string;
}

/**
 * How long a release is kept after its last step, in days: half a year, so that whoever looks into an incident or a season's releases
 * finds them. Definitions, with their journals, are kept for ever.
 */
export const daysKept = 180;
const day = 86_400_000;

export const documentKey = (id: DocumentId): Key => ({ partition: id, sort: 'document' });

/** Few enough to ask all of them at each tick, enough for thousands of saves a second. */
export const shards = ['0', '1', '2', '3'] as const;
const shardOf = (id: DocumentId): string => {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return shards[sum % shards.length] ?? shards[0];
};

/** `release/<namespace>/<name>` for a release, `rollout` for a rollout: the partition of the index that lists documents. */
export const familyOf = (idOrPrefix: string): string | undefined => /^(rollout)\/|^(release\/[^/]+\/[^/]+)\//.exec(idOrPrefix)?.slice(1).find((part) => part !== undefined);

/** What the item of a document has besides its key and what it carries along. `body` is the document as JSON. */
export const documentItem = (document: Document, body: string, save: string): Item => {
  const { id, version, wakeAt } = document;
  const family = familyOf(id);
  return {
    version: N(version),
    body: S(body),
    save: S(save),
    ...(wakeAt === undefined ? {} : { [keyNames.wakeShard]: S(shardOf(id)), [keyNames.wakeAt]: N(wakeAt) }),
    ...(family === undefined ? {} : { [keyNames.family]: S(family) }),
    ...(isOver(document) ? expiry(document.updatedAt, daysKept) : {}),
  };
};

/** What the item of a document carries along until it is written out. */
export const carriedItem = (id: DocumentId, { pending, counted }: Pick<Held, 'pending' | 'counted'>): Item => ({
  ...(pending.length === 0 ? {} : { pending: B(packed(pending)) }),
  ...(counted.length === 0 ? {} : { counted: B(packedCounts(counted)), [keyNames.countShard]: S(shardOf(id)) }),
});

export const packedCounts = (counted: readonly Counted[]): Uint8Array => packed(counted.map((one) => JSON.stringify(one)));

export const isOver = ({ kind, snapshot }: Document): boolean => kind === 'release' && snapshot.status === 'done';

export const expiry = (from: Millis, days: number): Item => ({ [expiryAttribute]: N(Math.ceil((from + days * day) / 1_000)) });

/** What the item of a document holds; nothing of it but a fence may be there while the document was never saved. */
export const readHeld = (item: Item | undefined): Held => readStored(item)?.held ?? nothingHeld(textOf(item, 'fence'));

export const nothingHeld = (fence?: string): Held => ({ version: 0, pending: [], counted: [], index: [], claims: [], ...(fence === undefined ? {} : { fence }) });

export const readStored = (item: Item | undefined): Stored | undefined => {
  const body = textOf(item, 'body');
  if (body === undefined) return undefined;
  const document = JSON.parse(body) as Document;
  const { version, index, claims } = document;
  const pending = linesOf(item, 'pending');
  const counted = linesOf(item, 'counted').map((line) => JSON.parse(line) as Counted);
  const fence = textOf(item, 'fence');
  return { document, save: textOf(item, 'save') ?? '', held: { version, pending, counted, index, claims, ...(fence === undefined ? {} : { fence }) } };
};

/** That the stored version is still this one; 0: the document was never saved. */
export const unchanged = (version: number): Expression =>
  version === 0 ? { text: 'attribute_not_exists(#version)', names: { '#version': 'version' } } : { text: '#version = :version', names: { '#version': 'version' }, values: { ':version': N(version) } };
