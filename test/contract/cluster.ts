import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClusterError, type Cluster, type ClusterFailure, type KubeObject, type WatchEvent } from '../../infra/cluster/port.ts';
import type { Json } from '../../events/input.ts';
import type { ObjectRef } from '../../statemachines/document.ts';

/** What the suite needs besides a cluster: an image that gets ready on `port`, and how long that may take there. */
export interface ClusterUnderTest {
  readonly cluster: Cluster;
  readonly image: string;
  readonly port: number;
  /** Longest wait for pods to be ready, in milliseconds. */
  readonly patienceMs: number;
  close(): Promise<void>;
}

const unique = (prefix: string): string => `${prefix}-${randomBytes(4).toString('hex')}`;

const failureOf = async (call: Promise<unknown>): Promise<ClusterFailure | 'none'> => {
  try {
    await call;
    return 'none';
  } catch (error) {
    if (error instanceof ClusterError) return error.failure;
    throw error;
  }
};

const until = async <T>(patienceMs: number, what: string, look: () => Promise<T | undefined>): Promise<T> => {
  const end = Date.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`not so within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

const field = (object: KubeObject | undefined, ...path: readonly (string | number)[]): Json | undefined =>
  path.reduce<Json | undefined>((value, key) => (value as Record<string | number, Json> | undefined)?.[key], object as Json | undefined);

const uidOf = (object: KubeObject): string => {
  if (object.metadata.uid === undefined) throw new Error(`${object.kind} ${object.metadata.name} has no uid`);
  return object.metadata.uid;
};

const refOf = ({ apiVersion, kind, metadata }: KubeObject): ObjectRef => ({ apiVersion, kind, namespace: metadata.namespace ?? '', name: metadata.name });

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

    const deployment = (replicas: number, spec: Record<string, Json> = {}, image = under.image): KubeObject => {
      const app = unique('app');
      return {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: app, namespace },
        spec: {
          replicas,
          selector: { matchLabels: { app } },
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: {
            metadata: { labels: { app } },
            spec: {
              terminationGracePeriodSeconds: 1,
              containers: [{ name: 'app', image, ports: [{ name: 'http', containerPort: under.port }], readinessProbe: { httpGet: { path: '/healthz', port: under.port }, periodSeconds: 1 } }],
            },
          },
          ...spec,
        },
      };
    };

    const isComplete = (object: KubeObject | undefined, replicas: number): boolean =>
      field(object, 'status', 'observedGeneration') === object?.metadata.generation &&
      field(object, 'status', 'updatedReplicas') === replicas && field(object, 'status', 'replicas') === replicas && field(object, 'status', 'availableReplicas') === replicas;

    const rolledOut = (ref: ObjectRef, replicas: number): Promise<KubeObject> =>
      until(under.patienceMs, `${ref.name} rolled out`, async () => {
        const object = await cluster.get(ref);
        return isComplete(object, replicas) ? object : undefined;
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
        expect(await failureOf(cluster.patch(ref, [{ op: 'replace', path: '/data/absent', value: '9' }]))).toBe('invalid');
        expect(await failureOf(cluster.patch(ref, [{ op: 'remove', path: '/data/absent' }]))).toBe('invalid');
        expect(await failureOf(cluster.patch(ref, [{ op: 'add', path: '/metadata/annotations/x', value: 'no map yet' }]))).toBe('invalid');
        expect(await cluster.get(ref)).toEqual(made);
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
        expect(await failureOf(cluster.patch(refOf(made), [{ op: 'replace', path: '/metadata/uid', value: '11111111-2222-4333-a444-555555555555' }]))).toBe('conflict');
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
      }, 60_000);

      test('lets the collector take even what is created under it afterwards', async () => {
        const owner = await cluster.create(configMap());
        await cluster.delete(refOf(owner), { uid: uidOf(owner) });
        const late = await cluster.create(ownedBy(owner));
        expect(await gone(late)).toBe(true);
      }, 60_000);
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

    describe('workloads', () => {
      test('refuses a Deployment whose selector misses its pods, and a changed selector', async () => {
        const wrong = deployment(1, { selector: { matchLabels: { app: 'another' } } });
        expect(await failureOf(cluster.create(wrong))).toBe('invalid');
        const made = await cluster.create(deployment(0));
        const moved = cluster.patch(refOf(made), [
          { op: 'add', path: '/spec/selector/matchLabels/more', value: 'x' },
          { op: 'add', path: '/spec/template/metadata/labels/more', value: 'x' },
        ]);
        expect(await failureOf(moved)).toBe('invalid');
      });

      test('generation moves with the spec, not with labels or status', async () => {
        const made = await cluster.create(deployment(0));
        expect(made.metadata.generation).toBe(1);
        const seen = await until(under.patienceMs, 'status written', async () => {
          const now = await cluster.get(refOf(made));
          return field(now, 'status', 'observedGeneration') === 1 ? now : undefined;
        });
        expect(seen.metadata.generation).toBe(1);
        const relabelled = await cluster.patch(refOf(made), [{ op: 'add', path: '/metadata/labels', value: { x: 'y' } }]);
        expect(relabelled.metadata.generation).toBe(1);
        const slower = await cluster.patch(refOf(made), [{ op: 'add', path: '/spec/minReadySeconds', value: 1 }]);
        expect(slower.metadata.generation).toBe(2);
      }, 60_000);

      test('an annotation on a Deployment moves its generation too', async () => {
        const made = await cluster.create(deployment(0));
        const numbered = await until(under.patienceMs, 'revision written', async () => {
          const now = await cluster.get(refOf(made));
          return now?.metadata.annotations === undefined ? undefined : now;
        });
        expect(numbered.metadata.generation).toBe(1);
        const annotated = await cluster.patch(refOf(made), [{ op: 'add', path: '/metadata/annotations/sluice.dev~1demo', value: '1' }]);
        expect(annotated.metadata.generation).toBe(2);
      }, 60_000);

      test('a client cannot write status by the way', async () => {
        const made = await cluster.create(deployment(0));
        const after = await cluster.patch(refOf(made), [{ op: 'add', path: '/status', value: { readyReplicas: 7 } }]);
        expect(field(after, 'status', 'readyReplicas')).toBeUndefined();
      });

      test('a Deployment comes ready, its Service\'s EndpointSlice shows it, and scaling moves both', async () => {
        const given = deployment(2);
        const app = given.metadata.name;
        await cluster.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: app, namespace }, spec: { selector: { app }, ports: [{ name: 'web', port: 80, targetPort: 'http' }] } });
        const made = await cluster.create(given);
        const ready = await rolledOut(refOf(made), 2);
        expect(field(ready, 'status', 'readyReplicas')).toBe(2);
        expect(ready.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
        expect(field(ready, 'status', 'conditions')).toEqual(expect.arrayContaining([
          expect.objectContaining({ type: 'Available', status: 'True' }),
          expect.objectContaining({ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }),
        ]));

        const endpoints = (count: number): Promise<KubeObject> =>
          until(under.patienceMs, `${count} endpoints`, async () => {
            const [slice] = await cluster.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace, labelSelector: `kubernetes.io/service-name=${app}` });
            const all = (field(slice, 'endpoints') ?? []) as readonly { conditions: { ready: boolean } }[];
            return all.filter((endpoint) => endpoint.conditions.ready).length === count ? slice : undefined;
          });
        expect(field(await endpoints(2), 'ports', 0)).toMatchObject({ name: 'web', port: under.port });

        await cluster.patch(refOf(made), [{ op: 'replace', path: '/spec/replicas', value: 3 }]);
        await rolledOut(refOf(made), 3);
        await endpoints(3);
        await cluster.patch(refOf(made), [{ op: 'replace', path: '/spec/replicas', value: 1 }]);
        await rolledOut(refOf(made), 1);
        await endpoints(1);
      }, 120_000);

      test('a rolling update with maxUnavailable 0 never has fewer pods available than wanted', async () => {
        const made = await cluster.create(deployment(2));
        const ref = refOf(made);
        await rolledOut(ref, 2);
        const stop = new AbortController();
        const available: number[] = [];
        const watching = (async () => {
          for await (const { object } of cluster.watch({ apiVersion: 'apps/v1', kind: 'Deployment', namespace }, stop.signal)) {
            if (object.metadata.name === made.metadata.name) available.push(Number(field(object, 'status', 'availableReplicas') ?? 0));
          }
        })();
        // A watch opens at a moment of its own: a label is turned until it is seen.
        let turn = 0;
        await until(10_000, 'watch is open', async () => {
          await cluster.patch(ref, [{ op: 'add', path: '/metadata/labels', value: { turn: String((turn += 1)) } }]);
          return available.length > 0 ? true : undefined;
        });
        await cluster.patch(ref, [{ op: 'add', path: '/spec/template/spec/containers/0/env', value: [{ name: 'VERSION', value: 'next' }] }]);
        const after = await rolledOut(ref, 2);
        stop.abort();
        await watching;
        expect(Math.min(...available)).toBe(2);
        expect(available.length).toBeGreaterThan(turn + 2);
        expect(after.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
      }, 120_000);

      test('an image that does not exist: not ready, old pods stay, the deadline is told', async () => {
        const made = await cluster.create(deployment(1, { progressDeadlineSeconds: 3 }));
        const ref = refOf(made);
        await rolledOut(ref, 1);
        await cluster.patch(ref, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: `${under.image.split(/[:@]/)[0]}-absent:v0` }]);
        const late = await until(under.patienceMs, 'deadline exceeded', async () => {
          const now = await cluster.get(ref);
          const conditions = (field(now, 'status', 'conditions') ?? []) as readonly { type: string; reason: string }[];
          return conditions.some((condition) => condition.type === 'Progressing' && condition.reason === 'ProgressDeadlineExceeded') ? now : undefined;
        });
        expect(field(late, 'status', 'availableReplicas')).toBe(1);
        expect(field(late, 'status', 'updatedReplicas')).toBe(1);
      }, 120_000);

      test('deleting a Deployment takes its pods', async () => {
        const made = await cluster.create(deployment(1));
        await rolledOut(refOf(made), 1);
        const now = await cluster.get(refOf(made));
        await cluster.delete(refOf(made), { uid: uidOf(made), resourceVersion: now?.metadata.resourceVersion ?? '' });
        await until(under.patienceMs, 'pods gone', async () =>
          (await cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector: `app=${made.metadata.name}` })).length === 0 ? true : undefined);
      }, 120_000);
    });
  });
};
