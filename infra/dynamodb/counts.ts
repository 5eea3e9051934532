import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { DocumentId, Millis } from '../../events/input.ts';
import { countedUnder, sumCounts, type Counts } from '../../statemachines/counts.ts';
import type { Clock } from '../clock.ts';
import { documentKey, readHeld, shards, unchanged, type Counted } from './items.ts';
import { N, S, keyOf, numberOf, type Item, type Requests } from './requests.ts';
import { indexNames, keyNames } from './table.ts';

const totals = 'totals';
/** Names of attributes beside the samples: up to which version of a document everything was added, and when that was written. */
const lastOf = (id: DocumentId): string => `last#${id}`;
const writtenOf = (id: DocumentId): string => `at#${id}`;

/** AWS refuses a request that was signed longer ago than minutes, so nobody is left who believes in a marker of yesterday. */
const markerMs: Millis = 86_400_000;
const markersAtOnce = 2;
const mostAttempts = 5;
/** Documents of each shard whose counts are added when somebody asks for the totals. */
const settledAtOnce = 25;

export interface Totals {
  /** Adds to the totals what is not in them yet; however often it is repeated, each step counts once. */
  add(id: DocumentId, counted: readonly Counted[]): Promise<void>;
  /** Adds what this document holds and takes it out of the document; false when somebody saved it meanwhile. */
  settle(id: DocumentId): Promise<boolean>;
  /** Settles documents that wait for it, then reads. */
  read(): Promise<readonly { readonly rollout: DocumentId; readonly counts: Counts }[]>;
}

/**
 * One item a rollout: the sums, and beside them for each document the version up to which it was added, so that one request does both
 * or neither. Only what a stored version of a document holds is added, never what a save is just bringing.
 */
export const createTotals = (requests: Requests, clock: Clock): Totals => {
  const keyFor = (id: DocumentId) => ({ partition: totals, sort: countedUnder(id) });

  const addOnly = async (id: DocumentId, counted: readonly Counted[]): Promise<Item | undefined> => {
    let left = counted;
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const [first, newest] = [left[0], left.at(-1)];
      if (first === undefined || newest === undefined) return undefined;
      const names = { '#last': lastOf(id) };
      const after = await requests.update(keyFor(id), increase(id, left, newest[0], clock.now()), {
        text: 'attribute_not_exists(#last) OR #last < :first',
        names,
        values: { ':first': N(first[0]) },
      });
      if (after !== undefined) return after;
      const last = numberOf(await requests.get(keyFor(id)), lastOf(id)) ?? 0;
      left = left.filter(([version]) => version > last);
    }
    throw new Error(`store: counts of ${id}: somebody else added them ${mostAttempts} times while they were looked at`);
  };

  const settleBy = (add: (id: DocumentId, counted: readonly Counted[]) => Promise<unknown>) => async (id: DocumentId): Promise<boolean> => {
    const { version, counted } = readHeld(await requests.get(documentKey(id)));
    if (counted.length === 0) return true;
    await add(id, counted);
    const change = { text: 'REMOVE #counted, #shard', names: { '#counted': 'counted', '#shard': keyNames.countShard } };
    return (await requests.update(documentKey(id), change, unchanged(version))) !== undefined;
  };

  const settleOnly = settleBy(addOnly);

  /** Takes out old markers of documents that hold nothing any more that was added: they are no longer asked for. */
  const tidy = async (id: DocumentId, item: Item): Promise<void> => {
    const old = Object.keys(item)
      .filter((name) => name.startsWith('at#') && name !== writtenOf(id) && clock.now() - (numberOf(item, name) ?? 0) > markerMs)
      .slice(0, markersAtOnce);
    for (const name of old) {
      const other = name.slice('at#'.length);
      if (!(await settleOnly(other))) continue;
      const names = { '#last': lastOf(other), '#at': name };
      const values = { ':last': item[lastOf(other)] ?? N(0), ':at': item[name] ?? N(0) };
      await requests.update(keyFor(other), { text: 'REMOVE #last, #at', names }, { text: '#last = :last AND #at = :at', names, values });
    }
  };

  const add = async (id: DocumentId, counted: readonly Counted[]): Promise<void> => {
    const item = await addOnly(id, counted);
    if (item !== undefined) await tidy(id, item);
  };
  const settle = settleBy(add);

  return {
    add,
    settle,

    read: async () => {
      const waiting = await Promise.all(
        shards.map(async (shard) => {
          const where = { text: '#shard = :shard', names: { '#shard': keyNames.countShard }, values: { ':shard': S(shard) } };
          const ids: DocumentId[] = [];
          for await (const item of requests.query({ index: indexNames.counts, where, pageItems: settledAtOnce })) {
            ids.push(keyOf(item, 'partition'));
            if (ids.length === settledAtOnce) break;
          }
          return ids;
        }),
      );
      // One that cannot be settled now is missing for a while, and must not hide the others.
      await Promise.allSettled(waiting.flat().map(settle));

      const read: { readonly rollout: DocumentId; readonly counts: Counts }[] = [];
      const where = { text: '#totals = :totals', names: { '#totals': keyNames.partition }, values: { ':totals': S(totals) } };
      for await (const item of requests.query({ where })) read.push({ rollout: keyOf(item, 'sort'), counts: countsIn(item) });
      return read;
    },
  };
};

/** All samples of an item; markers, and the two keys, have names that no metric can have. */
const countsIn = (item: Item): Counts =>
  Object.fromEntries(
    Object.entries(item)
      .filter(([name]) => !name.startsWith('last#') && !name.startsWith('at#') && name !== keyNames.partition && name !== keyNames.sort)
      .map(([name, { N: written }]) => [name, Number(written)]),
  );

const increase = (id: DocumentId, counted: readonly Counted[], last: number, now: Millis) => {
  const samples = Object.entries(counted.map(([, counts]) => counts).reduce(sumCounts, {}));
  const names: Record<string, string> = { '#last': lastOf(id), '#at': writtenOf(id) };
  const values: Record<string, AttributeValue> = { ':last': N(last), ':at': N(now) };
  for (const [at, [sample, amount]] of samples.entries()) {
    names[`#s${at}`] = sample;
    values[`:s${at}`] = N(amount);
  }
  const added = samples.map((_, at) => `#s${at} :s${at}`).join(', ');
  return { text: `SET #last = :last, #at = :at${added === '' ? '' : ` ADD ${added}`}`, names, values };
};
