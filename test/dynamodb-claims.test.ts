import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { leaseMs } from '../infra/dynamodb/claims.ts';
import type { Client } from '../infra/dynamodb/requests.ts';
import { dynamoStore } from '../infra/dynamodb/store.ts';
import type { ManualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import type { SaveResult } from '../infra/store/port.ts';
import { startEmulator, type Emulator } from './fixtures/dynalite.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { isDocumentPut, meddledClient, type Sent } from './fixtures/meddled-client.ts';
import { aDocument } from './fixtures/stored.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.close());

const a = 'rollout/pro/a';
const b = 'rollout/pro/b';
const claims = ['workload:demo'];

let table: string;
let clock: ManualClock;
beforeEach(async () => {
  table = await emulator.table();
  clock = heldClock();
});
const open = (client: Client = emulator.client, time = clock) => dynamoStore({ client, table, clock: time });
const claimedBy = (by: string): SaveResult => ({ ok: false, reason: 'claimed', claim: 'workload:demo', by });

/** A process that ends with the request it was about to send. */
const dyingAt = (which: (sent: Sent) => boolean): Client => {
  let dead = false;
  return meddledClient(emulator.client, (sent, pass) => {
    dead ||= which(sent);
    return dead ? Promise.reject(new Error('killed')) : pass();
  });
};

/** A function that is frozen before the request, until `thaw`. */
const frozenAt = (which: (sent: Sent) => boolean): { readonly client: Client; readonly frozen: Promise<void>; thaw(): void } => {
  const frozen = Promise.withResolvers<void>();
  const thawed = Promise.withResolvers<void>();
  const client = meddledClient(emulator.client, async (sent, pass) => {
    if (which(sent)) {
      frozen.resolve();
      await thawed.promise;
    }
    return pass();
  });
  return { client, frozen: frozen.promise, thaw: thawed.resolve };
};

describe('a claim of somebody who died before the document was saved', () => {
  beforeEach(async () => {
    await expect(open(dyingAt(isDocumentPut)).save(aDocument(a, 1, { claims }), 0, [])).rejects.toThrow('killed');
  });

  test('is left alone until the lease is over, and then free', async () => {
    expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual(claimedBy(a));
    clock.advance(leaseMs - 1);
    expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual(claimedBy(a));
    clock.advance(1);
    expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual({ ok: true });
    expect(await open().load(a)).toBeUndefined();
    expect(await open().save(aDocument(a, 1, { claims }), 0, [])).toEqual(claimedBy(b));
  });

  test('waits for nothing when the same document comes back', async () => {
    expect(await open().save(aDocument(a, 1, { claims }), 0, [])).toEqual({ ok: true });
    clock.advance(leaseMs);
    expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual(claimedBy(a));
  });
});

test('a document that was saved keeps its claim, however long ago that was', async () => {
  await open().save(aDocument(a, 1, { claims }), 0, []);
  clock.advance(1_000 * leaseMs);
  expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual(claimedBy(a));
  await open().save(aDocument(a, 2, { claims }), 1, []);
  expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual(claimedBy(a));
});

test('a claim that was dropped is free after the lease also when nobody came to say so', async () => {
  await open().save(aDocument(a, 1, { claims }), 0, []);
  await open(dyingAt(({ operation }) => operation === 'DeleteItem')).save(aDocument(a, 2), 1, []);
  expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual(claimedBy(a));
  clock.advance(leaseMs);
  expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual({ ok: true });
});

describe('a function that is frozen', () => {
  test.each([
    ['a new document', 0],
    ['one that exists', 1],
  ])('just before it saves %s finds its claim gone, and does not save', async (_, version) => {
    if (version > 0) await open().save(aDocument(a, version), 0, []);
    const { client, frozen, thaw } = frozenAt(isDocumentPut);
    const saving = open(client).save(aDocument(a, version + 1, { claims }), version, []);
    await frozen;
    clock.advance(leaseMs);
    expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual({ ok: true });
    thaw();
    expect(await saving).toEqual({ ok: false, reason: 'conflict' });
    expect((await open().load(a))?.claims ?? []).toEqual([]);
    // Nor does it when it tries again, and without the claim all is well.
    expect(await open().save(aDocument(a, version + 1, { claims }), version, [])).toEqual(claimedBy(b));
    expect(await open().save(aDocument(a, version + 1), version, [])).toEqual({ ok: true });
  });

  test('in the middle of taking a claim away does not take it when its holder has come back', async () => {
    await expect(open(dyingAt(isDocumentPut)).save(aDocument(a, 1, { claims }), 0, [])).rejects.toThrow('killed');
    clock.advance(leaseMs);
    const { client, frozen, thaw } = frozenAt(({ operation }) => operation === 'UpdateItem');
    const robbing = open(client).save(aDocument(b, 1, { claims }), 0, []);
    await frozen;
    expect(await open().save(aDocument(a, 1, { claims }), 0, [])).toEqual({ ok: true });
    thaw();
    expect(await robbing).toEqual(claimedBy(a));
    expect(await open().load(b)).toBeUndefined();
  });

  test('before it frees a claim that it dropped leaves it when the document has it again', async () => {
    await open().save(aDocument(a, 1, { claims }), 0, []);
    const { client, frozen, thaw } = frozenAt(({ operation }) => operation === 'DeleteItem');
    const dropping = open(client).save(aDocument(a, 2), 1, []);
    await frozen;
    await open().save(aDocument(a, 3, { claims }), 2, []);
    thaw();
    expect(await dropping).toEqual({ ok: true });
    expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual(claimedBy(a));
  });
});

test('a save that is refused gives back nothing that another save of the same document counts on', async () => {
  await open().save(aDocument(b, 1, { claims: ['z'] }), 0, []);
  const { client, frozen, thaw } = frozenAt(isDocumentPut);
  const slow = open(client).save(aDocument(a, 1, { claims }), 0, []);
  await frozen;
  expect(await open().save(aDocument(a, 1, { claims: [...claims, 'z'] }), 0, [])).toEqual({ ok: false, reason: 'claimed', claim: 'z', by: b });
  thaw();
  expect(await slow).toEqual({ ok: true });
  expect(await open().save(aDocument('rollout/pro/c', 1, { claims }), 0, [])).toEqual(claimedBy(a));
});

test('of two whose clocks differ by minutes one gets the claim, and the other does not save', async () => {
  const { client, frozen, thaw } = frozenAt(isDocumentPut);
  const slow = open(client).save(aDocument(a, 1, { claims }), 0, []);
  await frozen;
  const hasty = open(emulator.client, heldClock(clock.now() + 300_000));
  expect(await hasty.save(aDocument(b, 1, { claims }), 0, [])).toEqual({ ok: true });
  thaw();
  expect(await slow).toEqual({ ok: false, reason: 'conflict' });
});

describe('a request that the SDK repeats because its answer was lost', () => {
  const repeating = (which: (sent: Sent) => boolean): Client =>
    meddledClient(emulator.client, async (sent, pass) => {
      if (which(sent)) await pass();
      return pass();
    });

  test('is a save like any other, and its claims stay', async () => {
    const store = open(repeating(() => true));
    expect(await store.save(aDocument(a, 1, { claims }), 0, [], { a: 1 })).toEqual({ ok: true });
    expect(await store.save(aDocument(a, 2, { claims: [...claims, 'route:demo'] }), 1, [], { a: 1 })).toEqual({ ok: true });
    clock.advance(leaseMs);
    for (const claim of [...claims, 'route:demo']) expect(await store.save(aDocument(b, 1, { claims: [claim] }), 0, [])).toEqual({ ok: false, reason: 'claimed', claim, by: a });
    expect(await store.totals()).toEqual([{ rollout: a, counts: { a: 2 } }]);
  });

  test('keeps its claims also when another save has followed before the repetition', async () => {
    let followed = false;
    const client = meddledClient(emulator.client, async (sent, pass) => {
      if (!isDocumentPut(sent) || followed) return pass();
      followed = true;
      await pass();
      await open().save(aDocument(a, 2, { claims }), 1, []);
      return pass();
    });
    expect(await open(client).save(aDocument(a, 1, { claims }), 0, [])).toEqual({ ok: false, reason: 'conflict' });
    clock.advance(leaseMs);
    expect(await open().save(aDocument(b, 1, { claims }), 0, [])).toEqual(claimedBy(a));
  });
});
