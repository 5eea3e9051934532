import type { DocumentId, Millis } from '../../events/input.ts';
import type { Document } from '../../statemachines/document.ts';
import { documentKey, familyOf, readStored, shards } from './items.ts';
import { N, S, keyOf, numberOf, type Expression, type Item, type Key, type Requests } from './requests.ts';
import { indexNames, keyNames } from './table.ts';

export interface Due {
  readonly id: DocumentId;
  readonly wakeAt: Millis;
}

/** Earliest first. Reads `limit` keys of each shard at the most, and nothing of documents that are not due. */
export const readDue = async (requests: Requests, until: Millis | undefined, limit: number): Promise<readonly Due[]> => {
  const ofShard = async (shard: string): Promise<readonly Due[]> => {
    const due: Due[] = [];
    for await (const item of requests.query({ index: indexNames.wake, where: wakesOf(shard, until), pageItems: limit })) {
      due.push({ id: keyOf(item, 'partition'), wakeAt: numberOf(item, keyNames.wakeAt) ?? 0 });
      if (due.length === limit) break;
    }
    return due;
  };
  return (await Promise.all(shards.map(ofShard)))
    .flat()
    .sort((a, b) => a.wakeAt - b.wakeAt)
    .slice(0, limit);
};

const wakesOf = (shard: string, until: Millis | undefined): Expression => ({
  text: until === undefined ? '#shard = :shard' : '#shard = :shard AND #at <= :until',
  names: until === undefined ? { '#shard': keyNames.wakeShard } : { '#shard': keyNames.wakeShard, '#at': keyNames.wakeAt },
  values: until === undefined ? { ':shard': S(shard) } : { ':shard': S(shard), ':until': N(until) },
});

/** Throws when the prefix is too short to name one partition of the index. */
export const readList = async (requests: Requests, prefix: string, limit: number): Promise<readonly Document[]> => {
  const family = familyOf(prefix);
  if (family === undefined) throw new Error(`store: documents below "${prefix}" cannot be listed; a prefix begins with rollout/ or release/<namespace>/<name>/`);
  const where = {
    text: '#family = :family AND begins_with(#id, :prefix)',
    names: { '#family': keyNames.family, '#id': keyNames.partition },
    values: { ':family': S(family), ':prefix': S(prefix) },
  };
  const ids: DocumentId[] = [];
  for await (const item of requests.query({ index: indexNames.documents, where, pageItems: limit })) {
    ids.push(keyOf(item, 'partition'));
    if (ids.length === limit) break;
  }
  return readDocuments(requests, ids);
};

/** The documents that are there, by id. */
const readDocuments = async (requests: Requests, ids: readonly DocumentId[]): Promise<readonly Document[]> => {
  const items = await requests.getMany(ids.map(documentKey));
  return items.flatMap((item) => readStored(item)?.document ?? []).sort((a, b) => (a.id < b.id ? -1 : 1));
};

/** Where a document is found by an index key. Written before the document has the key and left when it has it no more: only the document tells. */
export const lookupKey = (indexKey: string, id: DocumentId): Key => ({ partition: `index#${indexKey}`, sort: id });

export const readLookup = async (requests: Requests, indexKey: string): Promise<readonly DocumentId[]> => {
  const where = { text: '#key = :key', names: { '#key': keyNames.partition }, values: { ':key': S(lookupKey(indexKey, '').partition) } };
  const found: Item[] = [];
  for await (const item of requests.query({ where })) found.push(item);
  const documents = await readDocuments(
    requests,
    found.map((item) => keyOf(item, 'sort')),
  );
  return documents.filter(({ index }) => index.includes(indexKey)).map(({ id }) => id);
};
