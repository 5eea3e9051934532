import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster, KubeObject, WatchEvent } from '../../infra/cluster/port.ts';
import { routeObjectsContract } from './cluster-routes.ts';
import { failureOf, field, refOf, uidOf, unique, until, type ClusterUnderTest } from './cluster-subject.ts';
import { workloadsContract } from './cluster-workloads.ts';

/**
 * What Sluice relies on in a Kubernetes API server and its controllers. `factory` is asked once; everything happens in a namespace
 * of its own, which is deleted at the end.
 */
export const clusterContract = (name: string, factory: () => Promise<ClusterUnderTest>): void => {
  describe(`cluster contract: ${name}`, () => {
    const namespace = unique('contract');
    let under: ClusterUnderTest;
    let cluster: Cluster;

    beforeAll(async () => {
      under = await factory();
      ({ cluster } = under);
      await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    }, 60_000);

    afterAll(async () => {
      const ref = { apiVersion: 'v1', kind: 'Namespace', name: namespace };
      const home = await cluster.get(ref);
      if (home) await cluster.delete(ref, { uid: uidOf(home) });
      await under.close();
    }, 60_000);

    const configMap = (extra: Partial<KubeObject['metadata']> = {}, data: Record<string, string> = { a: '1' }): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: unique('map'), namespace, ...extra },
      data,
    });

    describe('one object', () => {
      test('what does not exist is undefined, not an error', async () => {
        expect(await cluster.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace, name: unique('none') })).toBeUndefined();
      });

      test('a created object comes back with what the server adds', async () => {
        const given = configMap({ labels: { app: 'x' }, annotations: { 'sluice.dev/demo': '1' } });
        const made = await cluster.create(given);
        expect(made).toMatchObject({ ...given, metadata: given.metadata });
        expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
        expect(made.metadata.resourceVersion).toMatch(/^\d+$/);
        expect(made.metadata['creationTimestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        expect(made.metadata.managedFields).toMatchObject([{ manager: 'sluice', operation: 'Update', fieldsV1: { 'f:data': { 'f:a': {} } } }]);
        expect(await cluster.get(refOf(made))).toEqual(made);
      });

      test('a name can be taken once', async () => {
        const made = await cluster.create(configMap());
        expect(await failureOf(cluster.create(configMap({ name: made.metadata.name })))).toBe('exists');
      });

      test('a kind that is not installed is absent', async () => {
        const widget = { apiVersion: 'nobody.example.com/v1', kind: 'Widget', metadata: { name: 'w', namespace } };
        expect(await cluster.get({ ...widget, namespace, name: 'w' })).toBeUndefined();
        expect(await failureOf(cluster.create(widget))).toBe('absent');
        expect(await failureOf(cluster.list({ apiVersion: widget.apiVersion, kind: widget.kind, namespace }))).toBe('absent');
      });

      test('nothing can be created in a namespace that does not exist', async () => {
        expect(await failureOf(cluster.create(configMap({ namespace: unique('nowhere') })))).toBe('absent');
      });

      test('a name that is no DNS name is invalid', async () => {
        expect(await failureOf(cluster.create(configMap({ name: 'Not_A_Name' })))).toBe('invalid');
      });

      test('an annotation whose name part is longer than 63 characters is invalid', async () => {
        expect(await failureOf(cluster.create(configMap({ annotations: { [`sluice.dev/${'x'.repeat(64)}`]: '1' } })))).toBe('invalid');
      });
    });

    describe('list', () => {
      test('selects by labels: equality, sets, and both together', async () => {
        const run = unique('run');
        const label = (color: string, size: string): Promise<KubeObject> => cluster.create(configMap({ labels: { run, color, size } }));
        const [redS, redL, blueS] = await Promise.all([label('red', 's'), label('red', 'l'), label('blue', 's')]);
        const names = async (selector: string): Promise<string[]> =>
          (await cluster.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace, labelSelector: `run=${run},${selector}` })).map((object) => object.metadata.name).sort();
        const of = (...objects: KubeObject[]): string[] => objects.map((object) => object.metadata.name).sort();
        expect(await names('color=red')).toEqual(of(redS, redL));
        expect(await names('color in (red,blue)')).toEqual(of(redS, redL, blueS));
        expect(await names('color in (red, blue),size=s')).toEqual(of(redS, blueS));
        expect(await names('color=green')).toEqual([]);
      });

      test('items name their kind like objects read alone', async () => {
        const run = unique('run');
        const made = await cluster.create(configMap({ labels: { run } }));
        expect(await cluster.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace, labelSelector: `run=${run}` })).toEqual([made]);
      });
    });

    describe('JSON Patch', () => {
      test('applies in order and raises resourceVersion', async () => {
        const made = await cluster.create(configMap());
        const after = await cluster.patch(refOf(made), [
          { op: 'test', path: '/data/a', value: '1' },
          { op: 'replace', path: '/data/a', value: '2' },
          { op: 'add', path: '/data/b', value: '3' },
        ]);
        expect(after['data']).toEqual({ a: '2', b: '3' });
        expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
        expect(await cluster.get(refOf(made))).toEqual(after);
      });

      test('a failed test or an impossible path is invalid and changes nothing', async () => {
        const made = await cluster.create(configMap());
        const ref = refOf(made);
        expect(await failureOf(cluster.patch(ref, [{ op: 'replace', path: '/data/a', value: '9' }, { op: 'test', path: '/data/a', value: 'other' }]))).toBe('invalid');
        expect(await failureOf(cluster.patch(ref, [{ op: 'replace', path: '/binaryData/absent', value: '9' }]))).toBe('invalid');
        expect(await failureOf(cluster.patch(ref, [{ op: 'remove', path: '/data/absent' }]))).toBe('invalid');
        expect(await failureOf(cluster.patch(ref, [{ op: 'add', path: '/metadata/annotations/x', value: 'no map yet' }]))).toBe('invalid');
        expect(await cluster.get(ref)).toEqual(made);
      });

      test('a replace of an absent key adds it', async () => {
        const made = await cluster.create(configMap());
        const after = await cluster.patch(refOf(made), [{ op: 'replace', path: '/data/b', value: '2' }]);
        expect(after['data']).toEqual({ a: '1', b: '2' });
      });

      test('a test for null passes where the key is absent', async () => {
        const made = await cluster.create(configMap());
        const after = await cluster.patch(refOf(made), [{ op: 'test', path: '/data/absent', value: null }, { op: 'add', path: '/data/b', value: '2' }]);
        expect(after['data']).toEqual({ a: '1', b: '2' });
      });

      test('a stale resourceVersion is a conflict, the current one is not', async () => {
        const made = await cluster.create(configMap());
        const guarded = (value: string) => [{ op: 'replace', path: '/metadata/resourceVersion', value: made.metadata.resourceVersion ?? '' }, { op: 'replace', path: '/data/a', value }] as const;
        await cluster.patch(refOf(made), guarded('2'));
        expect(await failureOf(cluster.patch(refOf(made), guarded('3')))).toBe('conflict');
        expect(field(await cluster.get(refOf(made)), 'data', 'a')).toBe('2');
      });

      test('a patch that changes nothing leaves resourceVersion alone', async () => {
        const made = await cluster.create(configMap({ annotations: { x: '1' } }));
        const after = await cluster.patch(refOf(made), [{ op: 'replace', path: '/data/a', value: '1' }, { op: 'add', path: '/metadata/annotations/x', value: '1' }]);
        expect(after).toEqual(made);
      });

      test('annotations that have become empty disappear', async () => {
        const made = await cluster.create(configMap({ annotations: { 'sluice.dev/demo': '1' } }));
        const after = await cluster.patch(refOf(made), [{ op: 'remove', path: '/metadata/annotations/sluice.dev~1demo' }]);
        expect(after.metadata).not.toHaveProperty('annotations');
      });

      test('the name cannot be changed, nor can the identity', async () => {
        const made = await cluster.create(configMap());
        expect(await failureOf(cluster.patch(refOf(made), [{ op: 'replace', path: '/metadata/name', value: 'other' }]))).toBe('invalid');
        expect(await failureOf(cluster.patch(refOf(made), [{ op: 'replace', path: '/metadata/uid', value: '11111111-2222-4333-a444-555555555555' }]))).toBe('invalid');
      });

      test('what is not there is absent', async () => {
        expect(await failureOf(cluster.patch({ apiVersion: 'v1', kind: 'ConfigMap', namespace, name: unique('none') }, [{ op: 'add', path: '/data', value: {} }]))).toBe('absent');
      });
    });

    describe('dry run', () => {
      test('creates nothing but validates', async () => {
        const given = configMap();
        expect((await cluster.create(given, { dryRun: true })).metadata.name).toBe(given.metadata.name);
        expect(await cluster.get(refOf(given))).toBeUndefined();
        expect(await failureOf(cluster.create(configMap({ name: 'Not_A_Name' }), { dryRun: true }))).toBe('invalid');
      });

      test('patches nothing but shows what would come out', async () => {
        const made = await cluster.create(configMap());
        const shown = await cluster.patch(refOf(made), [{ op: 'replace', path: '/data/a', value: '2' }], { dryRun: true });
        expect(shown['data']).toEqual({ a: '2' });
        expect(await cluster.get(refOf(made))).toEqual(made);
        expect(await failureOf(cluster.patch(refOf(made), [{ op: 'test', path: '/data/a', value: 'x' }], { dryRun: true }))).toBe('invalid');
      });
    });

    describe('delete', () => {
      test('takes only the very object meant', async () => {
        const made = await cluster.create(configMap());
        const ref = refOf(made);
        expect(await failureOf(cluster.delete(ref, { uid: '11111111-2222-4333-a444-555555555555' }))).toBe('conflict');
        const moved = await cluster.patch(ref, [{ op: 'add', path: '/data/b', value: '1' }]);
        expect(await failureOf(cluster.delete(ref, { uid: uidOf(made), resourceVersion: made.metadata.resourceVersion ?? '' }))).toBe('conflict');
        expect(await cluster.get(ref)).toEqual(moved);
        await cluster.delete(ref, { uid: uidOf(made), resourceVersion: moved.metadata.resourceVersion ?? '' });
        expect(await cluster.get(ref)).toBeUndefined();
        expect(await failureOf(cluster.delete(ref, { uid: uidOf(made) }))).toBe('absent');
      });

      const ownedBy = (owner: KubeObject): KubeObject =>
        configMap({ ownerReferences: [{ apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: uidOf(owner) }] });
      const gone = (object: KubeObject): Promise<boolean> =>
        until(under.patienceMs, `${object.metadata.name} collected`, async () => ((await cluster.get(refOf(object))) === undefined ? true : undefined));

      test('lets the collector take what the object owned', async () => {
        const owner = await cluster.create(configMap());
        const [owned, bystander] = await Promise.all([cluster.create(ownedBy(owner)), cluster.create(configMap())]);
        await cluster.delete(refOf(owner), { uid: uidOf(owner) });
        expect(await gone(owned)).toBe(true);
        expect(await cluster.get(refOf(bystander))).toEqual(bystander);
      }, 120_000);

      test('lets the collector take even what is created under it afterwards', async () => {
        const owner = await cluster.create(configMap());
        await cluster.delete(refOf(owner), { uid: uidOf(owner) });
        const late = await cluster.create(ownedBy(owner));
        expect(await gone(late)).toBe(true);
      }, 120_000);
    });

    describe('watch', () => {
      test('tells changes in order until the signal aborts', async () => {
        const run = unique('run');
        const stop = new AbortController();
        const seen: WatchEvent[] = [];
        const watching = (async () => {
          for await (const event of cluster.watch({ apiVersion: 'v1', kind: 'ConfigMap', namespace, labelSelector: `run=${run}` }, stop.signal)) seen.push(event);
        })();
        // A watch opens at a moment of its own: objects are made until the first is seen.
        await until(10_000, 'watch is open', async () => {
          await cluster.create(configMap({ labels: { run } }));
          return seen.length > 0 ? true : undefined;
        });
        const made = await cluster.create(configMap({ labels: { run } }));
        await cluster.create(configMap({ labels: { run: unique('other') } }));
        const changed = await cluster.patch(refOf(made), [{ op: 'replace', path: '/data/a', value: '2' }]);
        await cluster.patch(refOf(made), [{ op: 'replace', path: '/data/a', value: '2' }]);
        await cluster.delete(refOf(made), { uid: uidOf(made) });
        const mine = (): WatchEvent[] => seen.filter((event) => event.object.metadata.name === made.metadata.name);
        await until(10_000, 'deletion seen', async () => (mine().some((event) => event.type === 'DELETED') ? true : undefined));
        stop.abort();
        await watching;
        expect(mine().map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
        expect(mine()[1]?.object).toEqual(changed);
        expect(seen.every((event) => event.object.metadata.labels?.['run'] === run)).toBe(true);
      }, 30_000);
    });

    test('a call whose signal has aborted does nothing', async () => {
      const given = configMap();
      expect(await failureOf(cluster.create(given, { signal: AbortSignal.abort() }))).toBe('timeout');
      expect(await cluster.get(refOf(given))).toBeUndefined();
    });

    const place = { namespace, under: () => under };
    routeObjectsContract(place);
    workloadsContract(place);
  });
};
