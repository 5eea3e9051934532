import type { Clock } from '../clock.ts';
import { checkSave } from '../store/save-check.ts';
import type { Store } from '../store/port.ts';
import { createTotals } from './counts.ts';
import { readDue, readList, readLookup } from './indexes.ts';
import { documentKey, readHeld, readStored } from './items.ts';
import { readJournal } from './journal.ts';
import { createMemory } from './memory.ts';
import { requestsTo, type Client } from './requests.ts';
import { createSave } from './save.ts';

export interface DynamoStoreOptions {
  /** Stays the caller's: `close` does not destroy it. */
  readonly client: Client;
  readonly table: string;
  readonly clock: Clock;
}

/** The store in one DynamoDB table. docs/decisions/0009 tells how a save is all or nothing without a transaction. */
export const dynamoStore = ({ client, table, clock }: DynamoStoreOptions): Store => {
  const requests = requestsTo(client, table, clock);
  const totals = createTotals(requests, clock);
  const memory = createMemory(clock);
  let closed = false;
  const assertOpen = (): void => {
    if (closed) throw new Error('store: it is closed; nothing can be read or saved any more');
  };

  const save = createSave({ requests, memory, totals, clock });

  return {
    load: async (id) => {
      assertOpen();
      const item = await requests.get(documentKey(id));
      const stored = readStored(item);
      memory.remember(id, stored?.held ?? readHeld(item));
      return stored?.document;
    },
    save: async (document, expected, journal, counts = {}) => {
      assertOpen();
      checkSave(document, expected, journal);
      return save(document, expected, journal, counts);
    },
    due: async (until, limit) => {
      assertOpen();
      return readDue(requests, until, limit);
    },
    nextWake: async () => {
      assertOpen();
      return (await readDue(requests, undefined, 1))[0]?.wakeAt;
    },
    lookup: async (indexKey) => {
      assertOpen();
      return readLookup(requests, indexKey);
    },
    list: async (prefix, limit) => {
      assertOpen();
      return readList(requests, prefix, limit);
    },
    journal: async (id, after, limit) => {
      assertOpen();
      return readJournal(requests, id, after, limit);
    },
    totals: async () => {
      assertOpen();
      return totals.read();
    },
    close: async () => {
      closed = true;
    },
  };
};
