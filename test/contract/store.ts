import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../../infra/store/port.ts';
import type { Document, JournalRow } from '../../statemachines/document.ts';
import { aDocument, aRow } from '../fixtures/stored.ts';
import { inTheEnd } from './in-the-end.ts';
import { storeModel } from './store-model.ts';

/** What every store must do. `factory` makes an empty one; the suite closes it. `runs`: how many histories are tried. */
export const storeContract = (name: string, factory: () => Promise<Store>, runs = 60): void => {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await factory();
    });
    afterEach(() => store.close());

    const saved = async (document: Document, expected = document.version - 1, journal: readonly JournalRow[] = []): Promise<void> =>
      expect(await store.save(document, expected, journal)).toEqual({ ok: true });

    describe('documents', () => {
      test('an unknown document is undefined', async () => {
        expect(await store.load('release/pro/demo/1')).toBeUndefined();
      });

      test('a document comes back as it was saved', async () => {
        const document = aDocument('release/pro/demo/1', 1, { wakeAt: 5_000, index: ['image:a'], claims: ['workload:demo'] });
        await saved(document);
        expect(await store.load(document.id)).toEqual(document);
      });

      test('what the caller changes after the call is not saved', async () => {
        const seen = ['push-1'];
        const saving = store.save(aDocument('release/pro/demo/1', 1, { seen }), 0, []);
        seen.push('push-2');
        await saving;
        expect((await store.load('release/pro/demo/1'))?.seen).toEqual(['push-1']);
      });

      test('a save over another version than the expected one is a conflict and changes nothing', async () => {
        const first = aDocument('release/pro/demo/1', 1, { index: ['old'], claims: ['mine'], wakeAt: 10 });
        await saved(first);
        for (const expected of [0, 2]) {
          const late = aDocument(first.id, 3, { index: ['new'], claims: ['more'], wakeAt: 20 });
          expect(await store.save(late, expected, [aRow(first.id, 3)])).toEqual({ ok: false, reason: 'conflict' });
        }
        expect(await store.load(first.id)).toEqual(first);
        expect(await store.lookup('old')).toEqual([first.id]);
        expect(await store.lookup('new')).toEqual([]);
        await inTheEnd(store.nextWake, (at) => expect(at).toBe(10));
        expect(await store.journal(first.id, 0, 10)).toEqual([]);
        await saved(aDocument('release/pro/other/1', 1, { claims: ['more'] }));
      });

      test('a save of a document that does not exist conflicts unless 0 is expected', async () => {
        expect(await store.save(aDocument('release/pro/demo/1', 2), 1, [])).toEqual({ ok: false, reason: 'conflict' });
        expect(await store.load('release/pro/demo/1')).toBeUndefined();
      });

      test('of many who save at the same time over one version exactly one succeeds', async () => {
        await saved(aDocument('rollout/pro/demo', 1));
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, who) => store.save(aDocument('rollout/pro/demo', 2, { seen: [`${who}`] }), 1, [aRow('rollout/pro/demo', 2)])),
        );
        const winner = results.findIndex(({ ok }) => ok);
        expect(results.filter(({ ok }) => ok)).toHaveLength(1);
        expect(results.filter((result) => !result.ok && result.reason === 'conflict')).toHaveLength(7);
        expect((await store.load('rollout/pro/demo'))?.seen).toEqual([`${winner}`]);
      });

      test('a conflict does not disturb the saves of others at the same moment', async () => {
        await saved(aDocument('release/pro/a/1', 1));
        const [conflict, good] = await Promise.all([
          store.save(aDocument('release/pro/a/1', 1), 0, []),
          store.save(aDocument('release/pro/b/1', 1), 0, []),
        ]);
        expect([conflict.ok, good.ok]).toEqual([false, true]);
        expect(await store.load('release/pro/b/1')).toBeDefined();
      });

      test('a save that contradicts itself is refused and changes nothing', async () => {
        const id = 'release/pro/demo/1';
        await expect(store.save(aDocument(id, 1), 1, [])).rejects.toThrow('version 1 does not follow 1');
        await expect(store.save(aDocument(id, 1), 0, [aRow('release/pro/other/1', 1)])).rejects.toThrow('journal row is of release/pro/other/1');
        await expect(store.save(aDocument(id, 1), 0, [aRow(id, 2)])).rejects.toThrow('journal row has version 2');
        await expect(store.save(aDocument(id, 2), 0, [aRow(id, 2), aRow(id, 1)])).rejects.toThrow('journal row has version 1');
        expect(await store.load(id)).toBeUndefined();
      });
    });

    describe('claims', () => {
      const a = 'release/pro/a/1';
      const b = 'release/pro/b/1';

      test('a claim that another document holds is refused with its holder, and nothing is saved', async () => {
        await saved(aDocument(a, 1, { claims: ['workload:demo'] }));
        const late = aDocument(b, 1, { claims: ['route:demo', 'workload:demo'], index: ['b'], wakeAt: 7 });
        expect(await store.save(late, 0, [aRow(b, 1)])).toEqual({ ok: false, reason: 'claimed', claim: 'workload:demo', by: a });
        expect(await store.load(b)).toBeUndefined();
        expect(await store.lookup('b')).toEqual([]);
        expect(await store.nextWake()).toBeUndefined();
        expect(await store.journal(b, 0, 10)).toEqual([]);
        await saved(aDocument('release/pro/c/1', 1, { claims: ['route:demo'] }));
      });

      test('a claim stays with its holder over later saves and is free once given up', async () => {
        await saved(aDocument(a, 1, { claims: ['workload:demo'] }));
        await saved(aDocument(a, 2, { claims: ['workload:demo'] }));
        expect(await store.save(aDocument(b, 1, { claims: ['workload:demo'] }), 0, [])).toMatchObject({ reason: 'claimed' });
        await saved(aDocument(a, 3));
        await saved(aDocument(b, 1, { claims: ['workload:demo'] }));
      });

      test('of many who claim one key at the same time exactly one gets it', async () => {
        const ids = Array.from({ length: 6 }, (_, n) => `release/pro/demo/${n}`);
        const results = await Promise.all(ids.map((id) => store.save(aDocument(id, 1, { claims: ['workload:demo'] }), 0, [])));
        expect(results.filter(({ ok }) => ok)).toHaveLength(1);
        const winner = ids[results.findIndex(({ ok }) => ok)];
        expect(results.filter(({ ok }) => !ok)).toEqual(Array.from({ length: 5 }, () => ({ ok: false, reason: 'claimed', claim: 'workload:demo', by: winner })));
      });
    });

    describe('finding', () => {
      test('index keys find every document that carries them now', async () => {
        await saved(aDocument('rollout/pro/a', 1, { index: ['image:x', 'label:y'] }));
        await saved(aDocument('rollout/pro/b', 1, { index: ['image:x'] }));
        expect([...(await store.lookup('image:x'))].sort()).toEqual(['rollout/pro/a', 'rollout/pro/b']);
        await saved(aDocument('rollout/pro/a', 2, { index: ['label:y', 'image:z'] }));
        expect(await store.lookup('image:x')).toEqual(['rollout/pro/b']);
        expect(await store.lookup('image:z')).toEqual(['rollout/pro/a']);
        expect(await store.lookup('label:y')).toEqual(['rollout/pro/a']);
        expect(await store.lookup('image:')).toEqual([]);
      });

      test('a list holds the documents below a prefix, by id, up to the limit', async () => {
        for (const id of ['release/pro/demo/2', 'release/pro/demo/1', 'release/pro/demo2/1', 'rollout/pro/demo']) await saved(aDocument(id, 1));
        const ids = async (prefix: string, limit = 10): Promise<readonly string[]> => (await store.list(prefix, limit)).map(({ id }) => id);
        await inTheEnd(() => ids('release/pro/demo/'), (found) => expect(found).toEqual(['release/pro/demo/1', 'release/pro/demo/2']));
        await inTheEnd(() => ids('release/pro/demo2/'), (found) => expect(found).toEqual(['release/pro/demo2/1']));
        await inTheEnd(() => store.list('rollout/', 1), (found) => expect(found).toEqual([aDocument('rollout/pro/demo', 1)]));
        expect(await ids('release/pro/demo/', 1)).toEqual(['release/pro/demo/1']);
        expect(await ids('release/pro/demo/2')).toEqual(['release/pro/demo/2']);
        expect(await ids('release/pro/other/')).toEqual([]);
        expect(await ids('rollout/other/')).toEqual([]);
      });

      test('due documents come earliest first, and only those whose time has come', async () => {
        await saved(aDocument('release/pro/a/1', 1, { wakeAt: 300 }));
        await saved(aDocument('release/pro/b/1', 1, { wakeAt: 100 }));
        await saved(aDocument('release/pro/c/1', 1, { wakeAt: 200.5 }));
        await saved(aDocument('release/pro/d/1', 1));
        await inTheEnd(() => store.due(1_000, 10), (due) => expect(due).toHaveLength(3));
        expect(await store.nextWake()).toBe(100);
        expect(await store.due(99, 10)).toEqual([]);
        expect(await store.due(200.5, 10)).toEqual([
          { id: 'release/pro/b/1', wakeAt: 100 },
          { id: 'release/pro/c/1', wakeAt: 200.5 },
        ]);
        expect(await store.due(1_000, 1)).toEqual([{ id: 'release/pro/b/1', wakeAt: 100 }]);
      });

      test('a document that no longer wants to be woken is not due', async () => {
        await saved(aDocument('release/pro/a/1', 1, { wakeAt: 100 }));
        await saved(aDocument('release/pro/a/1', 2));
        await inTheEnd(() => store.due(1_000, 10), (due) => expect(due).toEqual([]));
        await inTheEnd(store.nextWake, (at) => expect(at).toBeUndefined());
      });
    });

    describe('totals', () => {
      const totals = async () => Object.fromEntries((await store.totals()).map(({ rollout, counts }) => [rollout, counts]));

      test('what releases count adds up under their rollout, whatever was counted before', async () => {
        expect(await store.totals()).toEqual([]);
        await store.save(aDocument('release/pro/demo/1', 1), 0, [], { a: 1, 'b{c="d"}': 0.5 });
        await store.save(aDocument('release/pro/demo/2', 1), 0, [], { a: 2 });
        await store.save(aDocument('release/pro/demo/1', 2), 1, [], { a: -1, 'b{c="d"}': 0.25 });
        await store.save(aDocument('rollout/pro/demo', 1), 0, [], { e: 7 });
        await store.save(aDocument('rollout/pro/other', 1), 0, [], { a: 4 });
        await inTheEnd(totals, (found) => expect(found).toEqual({ 'rollout/pro/demo': { a: 2, 'b{c="d"}': 0.75, e: 7 }, 'rollout/pro/other': { a: 4 } }));
        expect(await totals()).toEqual({ 'rollout/pro/demo': { a: 2, 'b{c="d"}': 0.75, e: 7 }, 'rollout/pro/other': { a: 4 } });
      });

      test('a save that lost counts nothing', async () => {
        await store.save(aDocument('release/pro/demo/1', 1), 0, [], { a: 1 });
        await store.save(aDocument('release/pro/demo/1', 2), 0, [], { a: 1 });
        await inTheEnd(totals, (found) => expect(found).toEqual({ 'rollout/pro/demo': { a: 1 } }));
      });

      test('what a release counted stays when it is over', async () => {
        const id = 'release/pro/demo/1';
        const done = { snapshot: { status: 'done', value: 'completed', context: {} } } as const;
        await store.save(aDocument(id, 1), 0, [], { a: 1 });
        await store.save(aDocument(id, 2, done), 1, [], { a: 2 });
        await inTheEnd(totals, (found) => expect(found).toEqual({ 'rollout/pro/demo': { a: 3 } }));
        await store.save(aDocument(id, 3, done), 2, [], { a: 4 });
        await inTheEnd(totals, (found) => expect(found).toEqual({ 'rollout/pro/demo': { a: 7 } }));
      });
    });

    describe('the journal', () => {
      test('rows come back whole, oldest first, above the version asked for, up to the limit', async () => {
        const id = 'release/pro/demo/1';
        await saved(aDocument(id, 2), 0, [aRow(id, 1), aRow(id, 2)]);
        for (let version = 3; version <= 12; version++) await saved(aDocument(id, version), version - 1, [aRow(id, version)]);
        await saved(aDocument('release/pro/demo/10', 1), 0, [aRow('release/pro/demo/10', 1)]);
        expect(await store.journal(id, 0, 3)).toEqual([aRow(id, 1), aRow(id, 2), aRow(id, 3)]);
        expect((await store.journal(id, 8, 100)).map(({ version }) => version)).toEqual([9, 10, 11, 12]);
        expect(await store.journal('release/pro/unknown/1', 0, 10)).toEqual([]);
      });
    });

    test('a closed store refuses; closing twice is fine', async () => {
      const other = await factory();
      await other.close();
      await other.close();
      await expect(other.load('release/pro/demo/1')).rejects.toThrow('closed');
      await expect(other.save(aDocument('release/pro/demo/1', 1), 0, [])).rejects.toThrow('closed');
    });

    test('any sequence of calls answers like a map of documents', () => storeModel(factory, runs), 60_000);
  });
};
