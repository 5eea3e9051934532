import { describe, expect, test } from 'vitest';
import type { Json } from '../../events/input.ts';
import type { KubeObject } from '../../infra/cluster/port.ts';
import type { ObjectRef } from '../../statemachines/document.ts';
import { failureOf, field, refOf, uidOf, unique, until, type Place } from './cluster-subject.ts';

/** What Sluice relies on in the controllers of a cluster: Deployments, their pods and EndpointSlices. */
export const workloadsContract = ({ namespace, under }: Place): void => {
  const deployment = (replicas: number, spec: Record<string, Json> = {}): KubeObject => {
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
            containers: [{ name: 'app', image: under().image, ports: [{ name: 'http', containerPort: under().port }], readinessProbe: { httpGet: { path: '/healthz', port: under().port }, periodSeconds: 1 } }],
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
    until(under().patienceMs, `${ref.name} rolled out`, async () => {
      const object = await under().cluster.get(ref);
      return isComplete(object, replicas) ? object : undefined;
    });

  describe('workloads', () => {
    test('refuses a Deployment whose selector misses its pods, and a changed selector', async () => {
      const wrong = deployment(1, { selector: { matchLabels: { app: 'another' } } });
      expect(await failureOf(under().cluster.create(wrong))).toBe('invalid');
      const made = await under().cluster.create(deployment(0));
      const moved = under().cluster.patch(refOf(made), [
        { op: 'add', path: '/spec/selector/matchLabels/more', value: 'x' },
        { op: 'add', path: '/spec/template/metadata/labels/more', value: 'x' },
      ]);
      expect(await failureOf(moved)).toBe('invalid');
    });

    test('generation moves with the spec, not with labels or status', async () => {
      const made = await under().cluster.create(deployment(0));
      expect(made.metadata.generation).toBe(1);
      const seen = await until(under().patienceMs, 'status written', async () => {
        const now = await under().cluster.get(refOf(made));
        return field(now, 'status', 'observedGeneration') === 1 ? now : undefined;
      });
      expect(seen.metadata.generation).toBe(1);
      const relabelled = await under().cluster.patch(refOf(made), [{ op: 'add', path: '/metadata/labels', value: { x: 'y' } }]);
      expect(relabelled.metadata.generation).toBe(1);
      const slower = await under().cluster.patch(refOf(made), [{ op: 'add', path: '/spec/minReadySeconds', value: 1 }]);
      expect(slower.metadata.generation).toBe(2);
    }, 120_000);

    test('an annotation on a Deployment moves its generation too', async () => {
      const made = await under().cluster.create(deployment(0));
      const numbered = await until(under().patienceMs, 'revision written', async () => {
        const now = await under().cluster.get(refOf(made));
        return now?.metadata.annotations === undefined ? undefined : now;
      });
      expect(numbered.metadata.generation).toBe(1);
      const annotated = await under().cluster.patch(refOf(made), [{ op: 'add', path: '/metadata/annotations/sluice.dev~1demo', value: '1' }]);
      expect(annotated.metadata.generation).toBe(2);
    }, 120_000);

    test('a client cannot write status by the way', async () => {
      const made = await under().cluster.create(deployment(0));
      const after = await under().cluster.patch(refOf(made), [{ op: 'add', path: '/status', value: { readyReplicas: 7 } }]);
      expect(field(after, 'status', 'readyReplicas')).toBeUndefined();
    });

    test('a Deployment comes ready, its Service\'s EndpointSlice shows it, and scaling moves both', async () => {
      const given = deployment(2);
      const app = given.metadata.name;
      await under().cluster.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: app, namespace }, spec: { selector: { app }, ports: [{ name: 'web', port: 80, targetPort: 'http' }] } });
      const made = await under().cluster.create(given);
      const ready = await rolledOut(refOf(made), 2);
      expect(field(ready, 'status', 'readyReplicas')).toBe(2);
      expect(ready.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
      expect(field(ready, 'status', 'conditions')).toEqual(expect.arrayContaining([
        expect.objectContaining({ type: 'Available', status: 'True' }),
        expect.objectContaining({ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }),
      ]));

      const endpoints = (count: number): Promise<KubeObject> =>
        until(under().patienceMs, `${count} endpoints`, async () => {
          const [slice] = await under().cluster.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace, labelSelector: `kubernetes.io/service-name=${app}` });
          const all = (field(slice, 'endpoints') ?? []) as readonly { conditions: { ready: boolean } }[];
          return all.filter((endpoint) => endpoint.conditions.ready).length === count ? slice : undefined;
        });
      expect(field(await endpoints(2), 'ports', 0)).toMatchObject({ name: 'web', port: under().port });

      await under().cluster.patch(refOf(made), [{ op: 'replace', path: '/spec/replicas', value: 3 }]);
      await rolledOut(refOf(made), 3);
      await endpoints(3);
      await under().cluster.patch(refOf(made), [{ op: 'replace', path: '/spec/replicas', value: 1 }]);
      await rolledOut(refOf(made), 1);
      await endpoints(1);
    }, 120_000);

    test('a rolling update with maxUnavailable 0 never has fewer pods available than wanted', async () => {
      const made = await under().cluster.create(deployment(2));
      const ref = refOf(made);
      await rolledOut(ref, 2);
      const stop = new AbortController();
      const available: number[] = [];
      const watching = (async () => {
        for await (const { object } of under().cluster.watch({ apiVersion: 'apps/v1', kind: 'Deployment', namespace }, stop.signal)) {
          if (object.metadata.name === made.metadata.name) available.push(Number(field(object, 'status', 'availableReplicas') ?? 0));
        }
      })();
      // A watch opens at a moment of its own: a label is turned until it is seen.
      let turn = 0;
      await until(10_000, 'watch is open', async () => {
        await under().cluster.patch(ref, [{ op: 'add', path: '/metadata/labels', value: { turn: String((turn += 1)) } }]);
        return available.length > 0 ? true : undefined;
      });
      await under().cluster.patch(ref, [{ op: 'add', path: '/spec/template/spec/containers/0/env', value: [{ name: 'VERSION', value: 'next' }] }]);
      const after = await rolledOut(ref, 2);
      stop.abort();
      await watching;
      expect(Math.min(...available)).toBe(2);
      expect(available.length).toBeGreaterThan(turn + 2);
      expect(after.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    }, 120_000);

    test('an image that does not exist: not ready, old pods stay, the deadline is told', async () => {
      const made = await under().cluster.create(deployment(1, { progressDeadlineSeconds: 3 }));
      const ref = refOf(made);
      await rolledOut(ref, 1);
      await under().cluster.patch(ref, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: `${under().image.replace(/(:[^/:@]*)?(@.*)?$/, '')}-absent:v0` }]);
      const late = await until(under().patienceMs, 'deadline exceeded', async () => {
        const now = await under().cluster.get(ref);
        const conditions = (field(now, 'status', 'conditions') ?? []) as readonly { type: string; reason: string }[];
        return conditions.some((condition) => condition.type === 'Progressing' && condition.reason === 'ProgressDeadlineExceeded') ? now : undefined;
      });
      expect(field(late, 'status', 'availableReplicas')).toBe(1);
      expect(field(late, 'status', 'updatedReplicas')).toBe(1);
    }, 120_000);

    test('deleting a Deployment takes its pods', async () => {
      const made = await under().cluster.create(deployment(1));
      await rolledOut(refOf(made), 1);
      const now = await under().cluster.get(refOf(made));
      await under().cluster.delete(refOf(made), { uid: uidOf(made), resourceVersion: now?.metadata.resourceVersion ?? '' });
      await until(under().patienceMs, 'pods gone', async () =>
        (await under().cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector: `app=${made.metadata.name}` })).length === 0 ? true : undefined);
    }, 120_000);
  });
};
