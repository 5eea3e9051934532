import fc from 'fast-check';
import { expect } from 'vitest';
import type { Store } from '../../infra/store/port.ts';
import { countedUnder } from '../../statemachines/counts.ts';
import type { Document, JournalRow } from '../../statemachines/document.ts';
import { noise } from '../fixtures/noise.ts';
import { aDocument, aRow } from '../fixtures/stored.ts';
import { inTheEnd } from './in-the-end.ts';

const ids = ['release/a/x/1', 'release/a/x/2', 'release/a/y/1', 'rollout/a/x'];
const keys = ['k1', 'k2', 'k3'];
const times = fc.integer({ min: 1, max: 6 });
const call = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant('save' as const),
      id: fc.constantFrom(...ids),
      stale: fc.constantFrom(0, 0, 0, 1, -1),
      step: fc.constantFrom(1, 1, 2),
      index: fc.subarray(keys),
      claims: fc.subarray(keys, { maxLength: 2 }),
      wakeAt: fc.option(times, { nil: undefined }),
      counted: fc.constantFrom(0, 1, -2),
      said: fc.constantFrom(0, 2_000),
      over: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      call: fc.constant('read' as const),
      key: fc.constantFrom(...keys),
      id: fc.constantFrom(...ids),
      until: times,
      limit: fc.integer({ min: 1, max: 5 }),
      more: fc.nat(3),
    }),
  },
);

/** Random histories of calls to one store, against a map of documents. */
export const storeModel = (factory: () => Promise<Store>, numRuns: number): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 40, size: 'max' }), async (calls) => {
      const store = await factory();
      const model = new Map<string, Document>();
      const rows: JournalRow[] = [];
      const totals = new Map<string, number>();
      try {
        for (const step of calls) {
          if (step.call === 'save') {
            const before = model.get(step.id)?.version ?? 0;
            const expected = Math.max(0, before + step.stale);
            const document = aDocument(step.id, expected + step.step, {
              index: step.index,
              claims: step.claims,
              ...(step.wakeAt === undefined ? {} : { wakeAt: step.wakeAt }),
              ...(step.over ? { snapshot: { status: 'done', value: 'completed', context: {} } } : {}),
            });
            const journal = [{ ...aRow(step.id, document.version), said: noise(step.said, `${step.id}/${document.version}`) }];
            const result = await store.save(document, expected, journal, step.counted === 0 ? {} : { sample: step.counted });
            const rivals = [...model.values()].filter(({ id, claims }) => id !== step.id && claims.some((claim) => step.claims.includes(claim)));
            if (expected !== before) {
              // With both reasons at once either may be told.
              expect(result.ok).toBe(false);
              if (rivals.length === 0) expect(result).toEqual({ ok: false, reason: 'conflict' });
            } else if (rivals.length > 0) {
              expect(result).toMatchObject({ ok: false, reason: 'claimed' });
              if (!result.ok && result.reason === 'claimed') expect(rivals.find(({ id }) => id === result.by)?.claims).toContain(result.claim);
            } else {
              expect(result).toEqual({ ok: true });
              model.set(step.id, document);
              rows.push(...journal);
              const rollout = countedUnder(step.id);
              if (step.counted !== 0) totals.set(rollout, (totals.get(rollout) ?? 0) + step.counted);
            }
          } else {
            const all = [...model.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
            expect(await store.load(step.id)).toEqual(model.get(step.id));
            expect([...(await store.lookup(step.key))].sort()).toEqual(all.filter(({ index }) => index.includes(step.key)).map(({ id }) => id));
            const prefix = step.id.slice(0, (step.id.startsWith('rollout/') ? 'rollout/' : 'release/a/x/').length + step.more);
            const listed = all.filter(({ id }) => id.startsWith(prefix)).slice(0, step.limit);
            await inTheEnd(() => store.list(prefix, step.limit), (found) => expect(found).toEqual(listed));
            expect(await store.journal(step.id, step.until, 100)).toEqual(rows.filter((row) => row.document === step.id && row.version > step.until));
            await inTheEnd(store.totals, (found) => expect(new Map(found.map(({ rollout, counts }) => [rollout, counts['sample'] ?? 0]))).toEqual(totals));
            const wakes = all.flatMap(({ wakeAt }) => (wakeAt === undefined ? [] : [wakeAt])).sort((a, b) => a - b);
            await inTheEnd(store.nextWake, (at) => expect(at).toBe(wakes[0]));
            await inTheEnd(
              () => store.due(step.until, step.limit),
              (due) => {
                // Which of equally early ones come first is open.
                expect(due.map(({ wakeAt }) => wakeAt)).toEqual(wakes.filter((at) => at <= step.until).slice(0, step.limit));
                for (const { id, wakeAt } of due) expect(model.get(id)?.wakeAt).toBe(wakeAt);
                expect(new Set(due.map(({ id }) => id)).size).toBe(due.length);
              },
            );
          }
        }
      } finally {
        await store.close();
      }
    }),
    { numRuns },
  );
