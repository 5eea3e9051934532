import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ManualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import { leaseMs } from '../infra/dynamodb/claims.ts';
import type { Client } from '../infra/dynamodb/requests.ts';
import { dynamoStore } from '../infra/dynamodb/store.ts';
import type { SaveResult, Store } from '../infra/store/port.ts';
import { countedUnder, sumCounts, type Counts } from '../statemachines/counts.ts';
import type { Document, JournalRow } from '../statemachines/document.ts';
import { startEmulator, type Emulator } from './fixtures/dynalite.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { isDocumentPut, meddledClient } from './fixtures/meddled-client.ts';
import { noise } from './fixtures/noise.ts';
import { aDocument, aRow } from './fixtures/stored.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.close());

const ids = ['release/pro/demo/1', 'release/pro/demo/2', 'rollout/pro/demo'];
const keys = ['k1', 'k2'];
const rowSizes = [0, 2_000, 6_000];

/** One step of a document, as a worker would save it. */
interface Step {
  readonly id: string;
  readonly claims: readonly string[];
  readonly index: readonly string[];
  readonly rows: readonly number[];
  readonly counted: number;
  readonly over: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  id: fc.constantFrom(...ids),
  claims: fc.subarray(keys),
  index: fc.subarray(keys),
  rows: fc.array(fc.constantFrom(...rowSizes), { maxLength: 3 }),
  counted: fc.constantFrom(0, 1, 1, 3),
  over: fc.boolean(),
});

interface Wish {
  readonly document: Document;
  readonly expected: number;
  readonly journal: readonly JournalRow[];
  readonly counts: Counts;
}

const wishOf = ({ id, claims, index, rows, counted, over }: Step, expected: number, who: string): Wish => {
  const version = expected + Math.max(1, rows.length);
  return {
    expected,
    document: aDocument(id, version, { claims, index, seen: [who], ...(over ? { snapshot: { status: 'done', value: 'completed', context: {} } } : {}) }),
    journal: rows.map((size, n) => ({ ...aRow(id, expected + n + 1), said: noise(size, `${who}/${n}`), machine: who })),
    // Long names bring the sums to be written out after two or three steps.
    counts: counted === 0 ? {} : { sample: counted, [noise(700, who)]: counted },
  };
};

/** What must be true of the store: built of what was saved, in the order it was saved. */
const createModel = () => {
  const documents = new Map<string, Document>();
  const rows: JournalRow[] = [];
  const totals = new Map<string, Counts>();
  return {
    documents,
    rows,
    saved: ({ document, journal, counts }: Wish): void => {
      documents.set(document.id, document);
      rows.push(...journal);
      const rollout = countedUnder(document.id);
      if (Object.keys(counts).length > 0) totals.set(rollout, sumCounts(totals.get(rollout) ?? {}, counts));
    },
    assertExclusive: (): void => {
      const held = [...documents.values()].flatMap(({ claims }) => claims);
      expect(new Set(held).size, 'a claim is held twice').toBe(held.length);
    },
    assertEqual: async (store: Store, clock: ManualClock): Promise<void> => {
      for (const id of ids) {
        expect(await store.load(id)).toEqual(documents.get(id));
        const journal = rows.filter(({ document }) => document === id);
        expect(await store.journal(id, 0, 1_000)).toEqual(journal);
        expect(await store.journal(id, 2, 3)).toEqual(journal.filter(({ version }) => version > 2).slice(0, 3));
      }
      for (const key of keys) {
        const carriers = [...documents.values()].filter(({ index }) => index.includes(key)).map(({ id }) => id);
        expect(await store.lookup(key)).toEqual(carriers.sort());
      }
      expect(new Map((await store.totals()).map(({ rollout, counts }) => [rollout, counts]))).toEqual(totals);
      // Again, because the first time may have changed something.
      expect(new Map((await store.totals()).map(({ rollout, counts }) => [rollout, counts]))).toEqual(totals);
      clock.advance(600_000);
      for (const [n, key] of keys.entries()) {
        const holder = [...documents.values()].find(({ claims }) => claims.includes(key))?.id;
        const result = await store.save(aDocument(`rollout/pro/new${n}`, 1, { claims: [key] }), 0, []);
        expect(result).toEqual(holder === undefined ? { ok: true } : { ok: false, reason: 'claimed', claim: key, by: holder });
      }
    },
  };
};

/** `unsent`: the request fails before it arrives. `unanswered`: it arrives. `killed`: from then on nothing is sent at all. */
type Fault = { readonly at: number; readonly kind: 'unsent' | 'unanswered'; readonly killed: boolean };

const faulty = (fault: Fault | undefined): Client => {
  let sent = 0;
  return meddledClient(emulator.client, async (_, pass) => {
    const n = sent++;
    if (fault === undefined || n < fault.at || (n > fault.at && !fault.killed)) return pass();
    if (n === fault.at && fault.kind === 'unanswered') await pass();
    throw new Error('no answer');
  });
};

describe('requests that fail, and processes that die between any two', () => {
  const turn = fc.record({
    step,
    fault: fc.option(fc.record({ at: fc.nat(9), kind: fc.constantFrom('unsent' as const, 'unanswered' as const), killed: fc.boolean() }), { nil: undefined, freq: 4 }),
    /** A save by somebody who knows nothing of the document; otherwise it was loaded before. */
    blind: fc.boolean(),
    passed: fc.constantFrom(0, leaseMs),
  });

  test('lose nothing, double nothing and claim nothing twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 8 }), async (turns) => {
        const table = await emulator.table();
        const clock = heldClock();
        const healthy = dynamoStore({ client: emulator.client, table, clock });
        const model = createModel();
        /** Documents of which a claim may lie about, until the lease is over. */
        const dead = new Set<string>();
        const faulted = new Set<string>();
        for (const [n, { step: one, fault, blind, passed }] of turns.entries()) {
          const before = model.documents.get(one.id);
          const wish = wishOf(one, before?.version ?? 0, `step-${n}`);
          const store = dynamoStore({ client: faulty(fault), table, clock });
          const saving = async (): Promise<SaveResult> => {
            if (!blind) await store.load(one.id);
            return store.save(wish.document, wish.expected, wish.journal, wish.counts);
          };
          const result = await saving().catch(() => undefined);
          const after = await healthy.load(one.id);
          const saved = after?.version === wish.document.version;
          expect(after).toEqual(saved ? wish.document : before);
          if (result !== undefined) expect(result.ok).toBe(saved);
          if (result?.ok === false && result.reason === 'claimed' && model.documents.get(result.by)?.claims.includes(result.claim) !== true) expect(dead).toContain(result.by);
          if (saved) model.saved(wish);
          if (fault !== undefined) faulted.add(one.id);
          // A save that meets a claim left by its own document renews the lease, and leaves it when it is refused for another one.
          if (fault !== undefined || (result?.ok === false && faulted.has(one.id))) dead.add(one.id);
          model.assertExclusive();
          clock.advance(passed);
          if (passed >= leaseMs) dead.clear();
        }
        await model.assertEqual(healthy, clock);
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});

describe('workers whose requests overlap in every way', () => {
  const worker = fc.record({
    skewMs: fc.constantFrom(-300_000, 0, 300_000),
    steps: fc.array(step, { minLength: 1, maxLength: 4 }),
    /** Which of its requests the SDK repeats although they were done. */
    repeated: fc.uniqueArray(fc.nat(20), { maxLength: 4 }),
  });

  test('save one after the other, claim nothing twice, and readers see no gap', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(worker, { minLength: 2, maxLength: 4 }), async (scheduler, workers) => {
        const table = await emulator.table();
        const model = createModel();
        const wishes = new Map<string, Wish>();
        const failures: unknown[] = [];

        /** Each request is done in one go, at a moment of the scheduler's choice. */
        const scheduled = (who: string, repeated: readonly number[]): Client => {
          let sent = 0;
          return meddledClient(emulator.client, async (one, pass) => {
            const once = async (): Promise<unknown> => {
              const answer = await pass();
              if (isDocumentPut(one)) {
                const { seen } = JSON.parse((one.input['Item'] as { body: { S: string } }).body.S) as Document;
                const wish = wishes.get(seen[0] ?? '');
                if (wish !== undefined) model.saved(wish);
                model.assertExclusive();
              }
              return answer;
            };
            const turn = () => scheduler.schedule(Promise.resolve(), `${who} ${one.operation}`, undefined, undefined);
            if (repeated.includes(sent++)) {
              await turn();
              await once().catch(() => undefined);
            }
            await turn();
            return once();
          });
        };

        const work = async ({ skewMs, steps, repeated }: (typeof workers)[number], w: number): Promise<void> => {
          const clock = heldClock(heldClock().now() + skewMs);
          const store = dynamoStore({ client: scheduled(`worker ${w}`, repeated), table, clock });
          for (const [n, one] of steps.entries()) {
            const loaded = await store.load(one.id);
            const who = `${w}/${n}`;
            const wish = wishOf(one, loaded?.version ?? 0, who);
            wishes.set(who, wish);
            await store.save(wish.document, wish.expected, wish.journal, wish.counts);
            clock.advance(leaseMs / 2);
          }
        };
        const read = async (): Promise<void> => {
          const store = dynamoStore({ client: scheduled('reader', []), table, clock: heldClock() });
          for (const id of [...ids, ...ids]) {
            const known = model.rows.filter(({ document }) => document === id);
            const found = await store.journal(id, 0, 1_000);
            const now = model.rows.filter(({ document }) => document === id);
            expect(found.length).toBeGreaterThanOrEqual(known.length);
            expect(found).toEqual(now.slice(0, found.length));
            await store.totals();
          }
        };

        const all = Promise.all([...workers.map(work), read()].map((one) => one.catch((error: unknown) => failures.push(error))));
        await scheduler.waitFor(all);
        expect(failures).toEqual([]);
        const clock = heldClock();
        await model.assertEqual(dynamoStore({ client: emulator.client, table, clock }), clock);
      }),
      { numRuns: 20 },
    );
  }, 120_000);
});
