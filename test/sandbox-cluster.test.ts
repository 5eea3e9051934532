import { describe, expect, test } from 'vitest';
import { parseDistribution } from '../events/distribution.ts';
import type { Json } from '../events/input.ts';
import { systemClock } from '../infra/clock.ts';
import { ClusterError, type KubeObject } from '../infra/cluster/port.ts';
import { at, listAt } from '../infra/cluster/sandbox/fields.ts';
import { parseImage } from '../infra/cluster/sandbox/image.ts';
import { createSandbox } from '../infra/cluster/sandbox/sandbox.ts';
import { labelSelector } from '../infra/cluster/sandbox/selector.ts';
import { clusterContract } from './contract/cluster.ts';
import { configMap, deployment, image, ref, setImage, start } from './sandbox-fixture.ts';

clusterContract('sandbox', async () => {
  const sandbox = createSandbox({ clock: systemClock, readyDelayMs: 100 });
  sandbox.registry.push('registry.test/demo', 'v1', { env: { VERSION: 'v1' } });
  return { cluster: sandbox.cluster, image: 'registry.test/demo:v1', port: 8080, patienceMs: 10_000, installed: ['traefik.io/v1alpha1', 'gateway.networking.k8s.io/v1'], close: () => sandbox.close() };
});

describe('objects', () => {
  test('what is handed out cannot be used to change the cluster', async () => {
    const { cluster } = start();
    const given = configMap('demo');
    await cluster.create(given);
    (given['data'] as Record<string, string>)['a'] = 'changed by the caller';
    const data = at(await cluster.get(ref('ConfigMap')), 'data') as Record<string, string>;
    expect(() => (data['a'] = 'changed by the reader')).toThrow(TypeError);
    expect((await cluster.get(ref('ConfigMap')))?.['data']).toEqual({ a: '1' });
  });

  test('managed fields say who wrote what last', async () => {
    const { cluster, sandbox } = start();
    await cluster.create(configMap('demo'));
    const human = sandbox.asUser('kubectl-edit');
    const after = await human.patch(ref('ConfigMap'), [{ op: 'add', path: '/data/b', value: '2' }]);
    expect(after.metadata.managedFields).toMatchObject([
      { manager: 'sluice', fieldsV1: { 'f:data': { 'f:a': {} } } },
      { manager: 'kubectl-edit', fieldsV1: { 'f:data': { 'f:b': {} } } },
    ]);
    const taken = await human.patch(ref('ConfigMap'), [{ op: 'replace', path: '/data/a', value: '9' }]);
    expect(taken.metadata.managedFields).toMatchObject([{ manager: 'kubectl-edit', fieldsV1: { 'f:data': { 'f:a': {}, 'f:b': {} } } }]);
  });

  test('a changed container image is owned by whoever changed it, the rest of the template is not', async () => {
    const { cluster, sandbox } = start();
    await cluster.create(deployment(0));
    const after = await sandbox.asUser('argocd').patch(ref('Deployment'), setImage('v2'));
    const path = ['fieldsV1', 'f:spec', 'f:template', 'f:spec', 'f:containers', 'k:{"name":"app"}'] as const;
    const ofManager = (manager: string) => listAt(after, 'metadata', 'managedFields').find((entry) => at(entry, 'manager') === manager);
    expect(at(ofManager('argocd'), ...path)).toEqual({ 'f:image': {} });
    expect(at(ofManager('sluice'), ...path)).not.toHaveProperty('f:image');
    expect(at(ofManager('sluice'), ...path)).toHaveProperty('f:ports');
  });

  test('the Gateway API fills in weights and matches as its CRD does', async () => {
    const { cluster } = start();
    const made = await cluster.create({
      apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'demo', namespace: 'default' },
      spec: { parentRefs: [{ name: 'gw' }], rules: [{ backendRefs: [{ name: 'demo', port: 80 }] }] },
    });
    expect(at(made, 'spec', 'rules', 0)).toEqual({ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ group: '', kind: 'Service', name: 'demo', port: 80, weight: 1 }] });
  });

  test('a namespace that is deleted takes everything in it along and admits nothing new', async () => {
    const { cluster, clock } = start();
    const home = await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    const inside = configMap('demo', { namespace: 'shop' });
    await cluster.create(inside);
    await cluster.delete({ apiVersion: 'v1', kind: 'Namespace', name: 'shop' }, { uid: home.metadata.uid ?? '' });
    await expect(cluster.create(configMap('late', { namespace: 'shop' }))).rejects.toMatchObject({ failure: 'forbidden', status: 403 });
    clock.advance(1000);
    expect(await cluster.get({ ...ref('ConfigMap'), namespace: 'shop' })).toBeUndefined();
    expect(await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: 'shop' })).toBeUndefined();
  });

  test('an object held by a second owner stays, without the reference to the one that is gone', async () => {
    const { cluster, clock } = start();
    const [one, two] = [await cluster.create(configMap('one')), await cluster.create(configMap('two'))];
    const reference = (owner: KubeObject): Json => ({ apiVersion: 'v1', kind: 'ConfigMap', name: owner.metadata.name, uid: owner.metadata.uid ?? '' });
    await cluster.create(configMap('demo', { ownerReferences: [reference(one), reference(two)] }));
    await cluster.delete(ref('ConfigMap', 'one'), { uid: one.metadata.uid ?? '' });
    clock.advance(1000);
    expect((await cluster.get(ref('ConfigMap')))?.metadata.ownerReferences).toEqual([reference(two)]);
    await cluster.delete(ref('ConfigMap', 'two'), { uid: two.metadata.uid ?? '' });
    clock.advance(1000);
    expect(await cluster.get(ref('ConfigMap'))).toBeUndefined();
  });

  test('a label selector that cannot be read is refused with what is allowed', () => {
    expect(() => labelSelector('app in red')).toThrow(/unable to parse label selector: "app in red"; allowed are/);
  });

  test('a watch with a selector sees objects come into it and go out of it', async () => {
    const { cluster } = start();
    const stop = new AbortController();
    const events = cluster.watch({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', labelSelector: 'on=yes' }, stop.signal)[Symbol.asyncIterator]();
    await cluster.create(configMap('demo', { labels: { on: 'no' } }));
    await cluster.patch(ref('ConfigMap'), [{ op: 'replace', path: '/metadata/labels/on', value: 'yes' }]);
    await cluster.patch(ref('ConfigMap'), [{ op: 'replace', path: '/metadata/labels/on', value: 'no' }]);
    expect((await events.next()).value).toMatchObject({ type: 'ADDED' });
    expect((await events.next()).value).toMatchObject({ type: 'DELETED' });
    stop.abort();
    expect((await events.next()).done).toBe(true);
  });
});

describe('faults', () => {
  const failure = (call: Promise<unknown>): Promise<unknown> => call.then(() => 'none', (error: unknown) => (error instanceof ClusterError ? error.failure : error));

  test('a call can fail before it happens, once', async () => {
    const { cluster, sandbox } = start();
    sandbox.faults.next('create', 'ConfigMap', { do: 'fail', error: new ClusterError('unavailable', 'overloaded', { status: 429, retryAfterMs: 1000 }) });
    expect(await failure(cluster.create(configMap('demo')))).toBe('unavailable');
    expect(await cluster.get(ref('ConfigMap'))).toBeUndefined();
    await cluster.create(configMap('demo'));
  });

  test('an answer can be lost after the write took effect', async () => {
    const { cluster, sandbox } = start();
    sandbox.faults.next('create', 'ConfigMap', { do: 'lose' });
    expect(await failure(cluster.create(configMap('demo')))).toBe('timeout');
    expect(await cluster.get(ref('ConfigMap'))).toBeDefined();
  });

  test('a delayed write happens late, even long after the deadline', async () => {
    const { cluster, sandbox, clock } = start();
    sandbox.faults.next('create', 'ConfigMap', { do: 'delay', ms: 60_000 });
    const call = cluster.create(configMap('demo'));
    clock.advance(59_999);
    expect(await cluster.get(ref('ConfigMap'))).toBeUndefined();
    clock.advance(1);
    await call;
    expect(await cluster.get(ref('ConfigMap'))).toBeDefined();
  });

  test('a hanging call ends by the signal, or by the deadline of ten seconds', async () => {
    const { cluster, sandbox, clock } = start();
    sandbox.faults.next('get', 'ConfigMap', { do: 'hang' });
    sandbox.faults.next('get', 'ConfigMap', { do: 'hang' });
    const stop = new AbortController();
    const bySignal = failure(cluster.get(ref('ConfigMap'), stop.signal));
    const byDeadline = failure(cluster.get(ref('ConfigMap')));
    stop.abort();
    expect(await bySignal).toBe('timeout');
    clock.advance(10_000);
    expect(await byDeadline).toBe('timeout');
  });

  test('calls of ours are counted, those of others are not', async () => {
    const { cluster, sandbox } = start();
    await sandbox.asUser('kubectl').create(configMap('demo'));
    await cluster.get(ref('ConfigMap'));
    await cluster.get(ref('ConfigMap'));
    expect(sandbox.calls.all()).toEqual({ 'get ConfigMap': 2 });
    expect(sandbox.calls.count('get', 'ConfigMap')).toBe(2);
    sandbox.calls.reset();
    expect(sandbox.calls.total()).toBe(0);
  });
});

describe('the registry', () => {
  test('the same content has the same digest, and both names lead to it', async () => {
    const { sandbox } = start();
    const digest = sandbox.registry.push(image, 'a', { env: { VERSION: 'x', ERROR_RATE: '0.5' } });
    expect(sandbox.registry.push(image, 'b', { env: { ERROR_RATE: '0.5', VERSION: 'x' } })).toBe(digest);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await sandbox.registry.resolve(image, 'a')).toMatchObject({ outcome: 'found', digest });
    expect(await sandbox.registry.resolve(image, digest)).toMatchObject({ outcome: 'found', digest });
    expect(await sandbox.registry.resolve('registry.test/other', digest)).toMatchObject({ outcome: 'unknown' });
    expect(await sandbox.registry.resolve(image, 'none')).toMatchObject({ outcome: 'unknown' });
  });

  test('a push is told as a Distribution registry tells it', () => {
    const { sandbox } = start();
    const told: Json[] = [];
    sandbox.registry.onPush(({ body }) => told.push(body));
    const digest = sandbox.registry.push(image, 'v9', { env: { VERSION: 'v9' } });
    expect(told).toMatchObject([{ events: [{ action: 'push', target: { repository: 'team/demo', tag: 'v9', digest, mediaType: 'application/vnd.oci.image.manifest.v1+json' }, request: { host: 'registry.test', method: 'PUT' } }] }]);
  });

  test('and our own reader of such notifications understands it', () => {
    const { sandbox } = start();
    const told: string[] = [];
    sandbox.registry.onPush(({ body }) => told.push(JSON.stringify(body)));
    const digest = sandbox.registry.push(image, 'v9', { env: { VERSION: 'v9' } });
    expect(parseDistribution(told[0] ?? '', { source: 'sandbox' })).toMatchObject({ ok: true, facts: [{ fact: { type: 'image.pushed', image, tag: 'v9', digest } }] });
  });

  test('image names are read with ports, tags and digests', () => {
    expect(parseImage('127.0.0.1:5000/demo:v1')).toEqual({ image: '127.0.0.1:5000/demo', host: '127.0.0.1:5000', repository: 'demo', reference: 'v1' });
    expect(parseImage('127.0.0.1:5000/demo')).toMatchObject({ image: '127.0.0.1:5000/demo', reference: 'latest' });
    expect(parseImage('r.test/a/b:v1@sha256:00')).toEqual({ image: 'r.test/a/b', host: 'r.test', repository: 'a/b', reference: 'sha256:00' });
  });
});
