import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';
import { allowance, recreateStep, rollingStep, type SetSize } from '../infra/cluster/sandbox/deployment-plan.ts';
import { at, listAt } from '../infra/cluster/sandbox/fields.ts';
import { deployment, image, list, reasons, ref, setImage, start, status } from './sandbox-fixture.ts';

describe('deployments', () => {
  test('pods become ready after the delay, not before, and the status says so', async () => {
    const { cluster, sandbox, clock } = start(1000);
    await cluster.create(deployment(2));
    clock.advance(900);
    expect(await status(sandbox)).toMatchObject({ replicas: 2, updatedReplicas: 2, unavailableReplicas: 2 });
    expect(await status(sandbox)).not.toHaveProperty('readyReplicas');
    clock.advance(300);
    expect(await status(sandbox)).toMatchObject({ observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 });
    expect(await status(sandbox)).not.toHaveProperty('unavailableReplicas');
    expect((await list(sandbox, 'Pod')).every((pod) => pod.metadata.labels?.['pod-template-hash'] !== undefined)).toBe(true);
  });

  test('two sandboxes told the same do the same', async () => {
    const run = async (): Promise<string> => {
      const { cluster, sandbox, clock } = start();
      await cluster.create(deployment(3));
      clock.advance(5000);
      await cluster.patch(ref('Deployment'), setImage('v2'));
      clock.advance(1700);
      return JSON.stringify([await list(sandbox, 'Pod'), await list(sandbox, 'ReplicaSet')]);
    };
    expect(await run()).toBe(await run());
  });

  test('a pod that never gets ready: the deadline is told, and progress ends it', async () => {
    const { cluster, sandbox, clock } = start();
    await cluster.create(deployment(1, { progressDeadlineSeconds: 30 }, { env: [{ name: 'NEVER_READY', value: '1' }] }));
    clock.advance(29_000);
    expect(await reasons(sandbox)).toEqual(['MinimumReplicasUnavailable', 'ReplicaSetUpdated']);
    clock.advance(5000);
    expect(await reasons(sandbox)).toEqual(['MinimumReplicasUnavailable', 'ProgressDeadlineExceeded']);
    await cluster.patch(ref('Deployment'), [{ op: 'remove', path: '/spec/template/spec/containers/0/env' }]);
    clock.advance(10_000);
    expect(await reasons(sandbox)).toEqual(['MinimumReplicasAvailable', 'NewReplicaSetAvailable']);
  });

  test('an image whose environment marks it broken never gets ready', async () => {
    const { cluster, sandbox, clock } = start();
    sandbox.registry.push(image, 'broken', { env: { NEVER_READY: '1' } });
    await cluster.create(deployment(1, {}, { image: `${image}:broken` }));
    clock.advance(60_000);
    expect(await status(sandbox)).not.toHaveProperty('readyReplicas');
  });

  test('an image nobody pushed cannot be pulled, by tag or by digest', async () => {
    const { cluster, sandbox, clock } = start();
    await cluster.create(deployment(1, {}, { image: `${image}@sha256:${'0'.repeat(64)}` }));
    clock.advance(60_000);
    const [pod] = await list(sandbox, 'Pod');
    expect(at(pod, 'status', 'containerStatuses', 0, 'state', 'waiting', 'reason')).toBe('ErrImagePull');
    expect(await status(sandbox)).not.toHaveProperty('readyReplicas');
  });

  test('a crashing container is started again and again, with back-off', async () => {
    const { cluster, sandbox, clock } = start();
    await cluster.create(deployment(1, {}, { env: [{ name: 'CRASH', value: '1' }] }));
    clock.advance(45_000);
    const [pod] = await list(sandbox, 'Pod');
    expect(at(pod, 'status', 'containerStatuses', 0)).toMatchObject({ restartCount: 3, ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } } });
  });

  test('killed pods are unready at once; they come back, or they do not', async () => {
    const { cluster, sandbox, clock } = start(1000);
    await cluster.create(deployment(2));
    clock.advance(2000);
    expect(sandbox.kill({ namespace: 'default', labelSelector: 'app=demo', comesBack: true })).toBe(2);
    clock.advance(50);
    expect(await status(sandbox)).toMatchObject({ replicas: 2, unavailableReplicas: 2 });
    clock.advance(1000);
    expect(await status(sandbox)).toMatchObject({ readyReplicas: 2 });
    sandbox.kill({ namespace: 'default', labelSelector: 'app=demo', comesBack: false });
    clock.advance(3_600_000);
    expect(await status(sandbox)).not.toHaveProperty('readyReplicas');
  });

  test('minReadySeconds: ready is not yet available', async () => {
    const { cluster, sandbox, clock } = start(1000);
    await cluster.create(deployment(1, { minReadySeconds: 10 }));
    clock.advance(5000);
    expect(await status(sandbox)).toMatchObject({ readyReplicas: 1, unavailableReplicas: 1 });
    clock.advance(10_000);
    expect(await status(sandbox)).toMatchObject({ availableReplicas: 1 });
  });

  test('Recreate has no new pod before the last old one is gone', async () => {
    const { cluster, sandbox, clock } = start();
    await cluster.create(deployment(2, { strategy: { type: 'Recreate' } }));
    clock.advance(3000);
    await cluster.patch(ref('Deployment'), setImage('v2'));
    for (let step = 0; step < 60; step += 1) {
      clock.advance(100);
      const images = new Set((await list(sandbox, 'Pod')).map((pod) => at(pod, 'spec', 'containers', 0, 'image')));
      expect(images.size).toBeLessThanOrEqual(1);
    }
    expect(await status(sandbox)).toMatchObject({ updatedReplicas: 2, availableReplicas: 2 });
  });

  test('going back takes the old ReplicaSet with a new number; unused ones go beyond the limit', async () => {
    const { cluster, sandbox, clock } = start();
    const revisions = async (): Promise<Json[]> =>
      (await list(sandbox, 'ReplicaSet')).map((set) => Number(set.metadata.annotations?.['deployment.kubernetes.io/revision'])).sort((a, b) => a - b);
    await cluster.create(deployment(1, { revisionHistoryLimit: 1 }));
    clock.advance(3000);
    await cluster.patch(ref('Deployment'), setImage('v2'));
    clock.advance(10_000);
    expect(await revisions()).toEqual([1, 2]);
    await cluster.patch(ref('Deployment'), setImage('v1'));
    clock.advance(10_000);
    expect(await revisions()).toEqual([2, 3]);
    await cluster.patch(ref('Deployment'), setImage('v3'));
    clock.advance(10_000);
    expect(await revisions()).toEqual([3, 4]);
    expect((await cluster.get(ref('Deployment')))?.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('4');
  });

  test('a paused Deployment takes no new template, and does once resumed', async () => {
    const { cluster, sandbox, clock } = start();
    await cluster.create(deployment(1));
    clock.advance(3000);
    await cluster.patch(ref('Deployment'), [{ op: 'add', path: '/spec/paused', value: true }, ...setImage('v2')]);
    clock.advance(10_000);
    expect(await list(sandbox, 'ReplicaSet')).toHaveLength(1);
    expect(await reasons(sandbox)).toContain('DeploymentPaused');
    await cluster.patch(ref('Deployment'), [{ op: 'replace', path: '/spec/paused', value: false }]);
    clock.advance(10_000);
    expect(await reasons(sandbox)).toEqual(['MinimumReplicasAvailable', 'NewReplicaSetAvailable']);
    expect((await list(sandbox, 'Pod')).map((pod) => at(pod, 'spec', 'containers', 0, 'image'))).toEqual([`${image}:v2`]);
  });

  test('an endpoint on its way out serves still but is not ready, then goes', async () => {
    const { cluster, sandbox, clock } = start();
    await cluster.create({ ...ref('Service'), metadata: { name: 'demo', namespace: 'default' }, spec: { selector: { app: 'demo' }, ports: [{ port: 80, targetPort: 'http' }] } });
    await cluster.create(deployment(1));
    clock.advance(3000);
    await cluster.patch(ref('Deployment'), [{ op: 'replace', path: '/spec/replicas', value: 0 }]);
    clock.advance(100);
    const endpoints = async (): Promise<Json[]> =>
      (await sandbox.cluster.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace: 'default' })).flatMap((slice) => listAt(slice, 'endpoints')).map((endpoint) => at(endpoint, 'conditions') ?? null);
    expect(await endpoints()).toEqual([{ ready: false, serving: true, terminating: true }]);
    clock.advance(3000);
    expect(await endpoints()).toEqual([]);
  });
});

describe('rolling updates step by step', () => {
  test('percentages round surge up and unavailability down, and never block', () => {
    const of = (replicas: number, maxSurge: Json, maxUnavailable: Json) => allowance({ ...deployment(replicas, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } }) });
    expect(of(3, '25%', '25%')).toEqual({ surge: 1, unavailable: 0 });
    expect(of(10, '25%', '25%')).toEqual({ surge: 3, unavailable: 2 });
    expect(of(1, 0, '25%')).toEqual({ surge: 0, unavailable: 1 });
  });

  test('whatever dies on the way, sizes keep within the allowance, and it ends when the pods hold', () => {
    const scenario = fc.record({
      wanted: fc.integer({ min: 1, max: 8 }), surge: fc.integer({ min: 0, max: 3 }), unavailable: fc.integer({ min: 0, max: 3 }),
      old: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }), health: fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 12 }),
    });
    fc.assert(fc.property(scenario, ({ wanted, surge, unavailable, old, health }) => {
      const allowed = { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, wanted) };
      fc.pre(old.reduce((sum, n) => sum + n, 0) <= wanted + allowed.surge && (allowed.surge > 0 || allowed.unavailable > 0));
      let sets: SetSize[] = [{ name: 'new', wanted: 0, exist: 0, available: 0 }, ...old.map((n, i) => ({ name: `old${i}`, wanted: n, exist: n, available: n }))];
      for (let turn = 0; turn < 60; turn += 1) {
        const [fresh, ...rest] = sets as [SetSize, ...SetSize[]];
        const scale = rollingStep(wanted, allowed, fresh, rest);
        const before = sets.reduce((sum, set) => sum + set.available, 0);
        sets = sets.map((set) => {
          const size = scale[set.name] ?? set.wanted;
          return { ...set, wanted: size, exist: size, available: Math.min(set.available, size) };
        });
        const after = sets.reduce((sum, set) => sum + set.available, 0);
        expect(sets.reduce((sum, set) => sum + set.wanted, 0)).toBeLessThanOrEqual(wanted + allowed.surge);
        expect(after).toBeGreaterThanOrEqual(Math.min(before, wanted - allowed.unavailable));
        const limit = health[turn] ?? Infinity;
        sets = sets.map((set) => ({ ...set, available: Math.min(set.wanted, limit) }));
      }
      expect(sets.map((set) => set.wanted)).toEqual([wanted, ...old.map(() => 0)]);
    }));
  });

  test('Recreate waits for old pods', () => {
    const [fresh, old] = [{ name: 'new', wanted: 0, exist: 0, available: 0 }, { name: 'old', wanted: 2, exist: 2, available: 2 }];
    expect(recreateStep(2, fresh, [old], 2)).toEqual({ old: 0 });
    expect(recreateStep(2, fresh, [{ ...old, wanted: 0 }], 1)).toEqual({});
    expect(recreateStep(2, fresh, [{ ...old, wanted: 0 }], 0)).toEqual({ new: 2 });
  });
});

describe('jobs', () => {
  const job = (env: Record<string, string>): KubeObject => ({
    ...ref('Job'), metadata: { name: 'demo', namespace: 'default' },
    spec: { backoffLimit: 1, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'run', image: `${image}:v1`, env: Object.entries(env).map(([name, value]) => ({ name, value })) }] } } },
  });

  test('one that ends well is complete', async () => {
    const { cluster, sandbox, clock } = start();
    await cluster.create(job({}));
    clock.advance(5000);
    expect(await status(sandbox, 'Job')).toMatchObject({ succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] });
  });

  test('one that fails is tried as often as its back-off limit allows, then failed', async () => {
    const { cluster, sandbox, clock } = start();
    await cluster.create(job({ EXIT_CODE: '1' }));
    clock.advance(30_000);
    expect(await status(sandbox, 'Job')).toMatchObject({ failed: 2, conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }] });
  });
});
