import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BatchWriteItemCommand, GetItemCommand, type AttributeValue, type WriteRequest } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { dynamoClient } from '../infra/dynamodb/client.ts';
import { documentItem, documentKey } from '../infra/dynamodb/items.ts';
import type { Client } from '../infra/dynamodb/requests.ts';
import { dynamoStore } from '../infra/dynamodb/store.ts';
import type { ManualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import type { JournalRow } from '../statemachines/document.ts';
import { storeContract } from './contract/store.ts';
import { startEmulator, type Emulator } from './fixtures/dynalite.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { meddledClient, recordingClient } from './fixtures/meddled-client.ts';
import { noise } from './fixtures/noise.ts';
import { aDocument, aRow } from './fixtures/stored.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.close());

storeContract('DynamoDB', async () => dynamoStore({ client: emulator.client, table: await emulator.table(), clock: heldClock() }), 20);

const id = 'release/pro/demo/1';
const day = 86_400_000;
const done = { snapshot: { status: 'done', value: 'completed', context: {} } } as const;
const bigRow = (document: string, version: number, letters = 3_000): JournalRow => ({ ...aRow(document, version), said: noise(letters, `${document}/${version}`) });

let table: string;
let clock: ManualClock;
beforeEach(async () => {
  table = await emulator.table();
  clock = heldClock();
});
const open = (client: Client = emulator.client) => dynamoStore({ client, table, clock });
const rawItem = async (pk: string, sk: string): Promise<Record<string, AttributeValue> | undefined> =>
  (await emulator.client.send(new GetItemCommand({ TableName: table, Key: { pk: { S: pk }, sk: { S: sk } } }))).Item;

describe('what a save costs', () => {
  test('an ordinary save is one request, whoever loaded or saved the document before', async () => {
    const { client, operations, sent } = recordingClient(emulator.client);
    const kept = { claims: ['workload:demo'], index: ['image:x'], wakeAt: 5 };
    await open().save(aDocument('rollout/pro/demo', 1, kept), 0, [aRow('rollout/pro/demo', 1)], { a: 1 });
    const store = open(client);
    await store.load('rollout/pro/demo');
    sent.splice(0);
    for (const version of [2, 3, 4, 5]) expect(await store.save(aDocument('rollout/pro/demo', version, kept), version - 1, [aRow('rollout/pro/demo', version)], { a: 1 })).toEqual({ ok: true });
    expect(operations()).toEqual(['PutItem', 'PutItem', 'PutItem', 'PutItem']);
  });

  test('a new release is one request', async () => {
    const { client, operations } = recordingClient(emulator.client);
    await open(client).save(aDocument(id, 1, { wakeAt: 5 }), 0, [aRow(id, 1)], { a: 1 });
    expect(operations()).toEqual(['PutItem']);
  });

  test('who knows nothing of the document reads it first, and then no request is wasted on a version that is gone', async () => {
    await open().save(aDocument(id, 1), 0, []);
    const { client, operations } = recordingClient(emulator.client);
    expect(await open(client).save(aDocument(id, 3), 2, [])).toEqual({ ok: false, reason: 'conflict' });
    expect(await open(client).save(aDocument(id, 2), 1, [])).toEqual({ ok: true });
    expect(operations()).toEqual(['GetItem', 'GetItem', 'PutItem']);
  });

  test('writing out what has gathered is one more request for journal rows and one more for counts', async () => {
    const { client, operations, sent } = recordingClient(emulator.client);
    const store = open(client);
    await store.save(aDocument(id, 1), 0, [bigRow(id, 1)], { [noise(600, 'a')]: 1 });
    await store.save(aDocument(id, 2), 1, [], { [noise(600, 'b')]: 1 });
    sent.splice(0);
    await store.save(aDocument(id, 3), 2, [bigRow(id, 3)], { [noise(600, 'c')]: 1 });
    expect([...operations()].sort()).toEqual(['PutItem', 'PutItem', 'UpdateItem']);
    expect(operations().at(-1)).toBe('PutItem');
  });
});

describe('a tick among quiet documents', () => {
  const capacity = async (of: (store: ReturnType<typeof open>) => Promise<unknown>) => {
    let requests = 0;
    let units = 0;
    const client = meddledClient(emulator.client, async ({ input }, pass) => {
      Object.assign(input, { ReturnConsumedCapacity: 'TOTAL' });
      const answer = (await pass()) as { ConsumedCapacity: { CapacityUnits: number } };
      requests++;
      units += answer.ConsumedCapacity.CapacityUnits;
      return answer;
    });
    await of(open(client));
    return { requests, units };
  };

  test('10,000 of them cost no more than one', async () => {
    const write = async (ids: readonly string[]): Promise<void> => {
      for (let at = 0; at < ids.length; at += 25) {
        const items = ids.slice(at, at + 25).map((one, n): WriteRequest => {
          const quiet = aDocument(one, 1, n % 2 === 0 ? { wakeAt: clock.now() + 3_600_000 } : {});
          return { PutRequest: { Item: { pk: { S: documentKey(one).partition }, sk: { S: 'document' }, ...documentItem(quiet, JSON.stringify(quiet), 'save') } } };
        });
        await emulator.client.send(new BatchWriteItemCommand({ RequestItems: { [table]: items } }));
      }
    };
    const tick = () => capacity((store) => store.due(clock.now(), 500));
    await write(['release/pro/demo0/1']);
    const alone = await tick();
    expect(alone.requests).toBe(4);
    await write(Array.from({ length: 9_999 }, (_, n) => `release/pro/demo${n + 1}/1`));
    expect(await tick()).toEqual(alone);
    expect(await open().nextWake()).toBe(clock.now() + 3_600_000);
    clock.advance(3_600_000);
    expect(await open().due(clock.now(), 500)).toHaveLength(500);
  }, 60_000);
});

describe('the journal', () => {
  test('of 300 saves comes back whole, in pages of any size', async () => {
    const rows: JournalRow[] = [];
    let store = open();
    for (let version = 1; version <= 300; version++) {
      // Many processes, of which none knows what the one before it knew.
      if (version % 50 === 0) store = open();
      const row = bigRow(id, version, (version * 379) % 6_000);
      rows.push(row);
      expect(await store.save(aDocument(id, version), version - 1, [row])).toEqual({ ok: true });
    }
    expect(await store.journal(id, 0, 1_000)).toEqual(rows);
    for (const page of [7, 64]) {
      const read: JournalRow[] = [];
      for (let rowsRead = await store.journal(id, 0, page); rowsRead.length > 0; rowsRead = await store.journal(id, read.at(-1)?.version ?? 0, page)) {
        expect(rowsRead.length).toBeLessThanOrEqual(page);
        read.push(...rowsRead);
      }
      expect(read).toEqual(rows);
    }
  }, 60_000);

  test('the newest rows are read without looking at the older ones', async () => {
    const store = open();
    for (let version = 1; version <= 6; version++) await store.save(aDocument(id, version), version - 1, [bigRow(id, version)]);
    const { client, operations } = recordingClient(emulator.client);
    expect(await open(client).journal(id, 5, 10)).toEqual([bigRow(id, 6)]);
    expect(operations()).toEqual(['GetItem']);
  });

  test('rows that are written out while somebody reads are there once', async () => {
    const store = open();
    for (const version of [1, 2]) await store.save(aDocument(id, version), version - 1, [bigRow(id, version)]);
    let reads = 0;
    const reader = meddledClient(emulator.client, async (_, pass) => {
      // Between the two reads; row 2 leaves the document.
      if (++reads === 2) for (const version of [3, 4]) await store.save(aDocument(id, version), version - 1, [bigRow(id, version)]);
      return pass();
    });
    expect((await open(reader).journal(id, 0, 10)).map(({ version }) => version)).toEqual([1, 2, 3]);
  });
});

describe('what is over', () => {
  const seconds = (item: Record<string, AttributeValue> | undefined): number => Number(item?.['expiresAt']?.N);

  test('goes after half a year, its journal not before it; definitions stay', async () => {
    const store = open();
    const saves = async (document: string): Promise<void> => {
      await store.save(aDocument(document, 1), 0, [bigRow(document, 1)]);
      await store.save(aDocument(document, 2), 1, [bigRow(document, 2)]);
      await store.save(aDocument(document, 3, { ...done, updatedAt: clock.now() + 5 }), 2, [bigRow(document, 3)]);
    };
    await saves(id);
    await saves('rollout/pro/demo');
    expect(seconds(await rawItem(id, 'document'))).toBe(Math.ceil((clock.now() + 5 + 180 * day) / 1_000));
    expect(seconds(await rawItem(id, `journal#${'2'.padStart(16, '0')}`))).toBe(Math.ceil((clock.now() + 360 * day) / 1_000));
    for (const sort of ['document', `journal#${'2'.padStart(16, '0')}`]) {
      const item = await rawItem('rollout/pro/demo', sort);
      expect(item).toBeDefined();
      expect(item).not.toHaveProperty('expiresAt');
    }
  });

  test('a release under way does not go', async () => {
    await open().save(aDocument(id, 1), 0, []);
    expect(await rawItem(id, 'document')).not.toHaveProperty('expiresAt');
  });

  test('leaves no count behind and, a day later, no marker in the totals', async () => {
    const release = async (n: number): Promise<void> => {
      const store = open();
      await store.save(aDocument(`release/pro/demo/${n}`, 1), 0, [], { a: 1 });
      await store.save(aDocument(`release/pro/demo/${n}`, 2, done), 1, [], { a: 1 });
    };
    const markers = async () => Object.keys((await rawItem('totals', 'rollout/pro/demo')) ?? {}).filter((name) => name.includes('#'));
    for (let n = 1; n <= 5; n++) await release(n);
    expect(await rawItem(id, 'document')).not.toHaveProperty('counted');
    expect(await markers()).toHaveLength(10);
    clock.advance(2 * day);
    for (let n = 6; n <= 8; n++) await release(n);
    expect([...(await markers())].sort()).toEqual([6, 7, 8].flatMap((n) => [`last#release/pro/demo/${n}`, `at#release/pro/demo/${n}`]).sort());
    expect(await open().totals()).toEqual([{ rollout: 'rollout/pro/demo', counts: { a: 16 } }]);
  });
});

describe('failures', () => {
  const failing = (what: (operation: string) => boolean, name = 'ProvisionedThroughputExceededException'): Client =>
    meddledClient(emulator.client, ({ operation }, pass) => (what(operation) ? Promise.reject(Object.assign(new Error('slow down'), { name })) : pass()));

  test('an item that is too large is refused with its sizes before anything is sent', async () => {
    const { client, operations } = recordingClient(emulator.client);
    const large = aDocument(id, 1, { seen: ['ä'.repeat(210_000)], claims: ['workload:demo'] });
    await expect(open(client).save(large, 0, [aRow(id, 1)])).rejects.toThrow(/save of release\/pro\/demo\/1: its item would have \d{6} bytes \(document 420\d{3}, journal rows \d+, counts 0\); DynamoDB takes 409600 at most/);
    expect(operations()).toEqual(['GetItem']);
  });

  test('an error says what was being done, in which table, and what DynamoDB said', async () => {
    const store = open(failing(() => true));
    await expect(store.save(aDocument(id, 1), 0, [])).rejects.toThrow(`store: writing ${id} document in table ${table}: ProvisionedThroughputExceededException: slow down`);
    await expect(store.load(id)).rejects.toThrow(`store: reading ${id} document in table ${table}`);
    await expect(store.totals()).rejects.toThrow('slow down');
  });

  test('totals that cannot be written hold up no release, and miss nothing later', async () => {
    const counts = { a: 1, [noise(2_100, 'a')]: 1 };
    const store = open(failing((operation) => operation === 'UpdateItem'));
    for (const version of [1, 2]) expect(await store.save(aDocument(id, version), version - 1, [], counts)).toEqual({ ok: true });
    expect(await store.save(aDocument(id, 3, done), 2, [], counts)).toEqual({ ok: true });
    expect(await store.totals()).toEqual([]);
    expect(await open().totals()).toEqual([{ rollout: 'rollout/pro/demo', counts: { a: 3, [noise(2_100, 'a')]: 3 } }]);
  });

  test('documents that a batch leaves out are asked for again, after a pause', async () => {
    const ids = Array.from({ length: 5 }, (_, n) => `release/pro/demo/${n + 1}`);
    for (const one of ids) await open().save(aDocument(one, 1), 0, []);
    let batches = 0;
    const client = meddledClient(emulator.client, async ({ operation, input }, pass) => {
      if (operation !== 'BatchGetItem') return pass();
      batches++;
      const asked = input['RequestItems'] as Record<string, { Keys: unknown[]; ConsistentRead: boolean }>;
      const keys = asked[table]?.Keys.splice(2) ?? [];
      return { ...((await pass()) as object), UnprocessedKeys: keys.length === 0 ? {} : { [table]: { Keys: keys, ConsistentRead: true } } };
    });
    const listing = open(client).list('release/pro/demo/', 10);
    for (const pause of [1, 2]) {
      await vi.waitFor(() => expect([batches, clock.waiting()]).toEqual([pause, 1]));
      clock.advance(1_000);
    }
    expect((await listing).map((document) => document.id)).toEqual(ids);
  });

  test('a list says which prefixes there are', async () => {
    for (const prefix of ['', 'release/', 'release/pro/', 'release/pro/demo', 'roll']) await expect(open().list(prefix, 1)).rejects.toThrow(`below "${prefix}" cannot be listed; a prefix begins with rollout/ or`);
  });

  test('a server that never answers is given up before an effect has to be', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const client = dynamoClient();
    const began = performance.now();
    await expect(open(client).load(id)).rejects.toThrow('TimeoutError');
    expect(performance.now() - began).toBeLessThan(10_000);
    client.destroy();
    silent.closeAllConnections();
    silent.close();
    vi.unstubAllEnvs();
  });
});
