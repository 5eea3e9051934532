import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { connectKubernetes } from '../../infra/cluster/kubernetes.ts';
import type { Cluster, KubeObject } from '../../infra/cluster/port.ts';
import { freshNamespace, kubeconfigPath, type Namespace, realCluster } from './helpers.ts';

const configMap = (name: string, data: Readonly<Record<string, string>> = {}): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });

let cluster: Cluster;
let namespace: Namespace;
const requests: string[] = [];

beforeAll(async () => {
  cluster = await realCluster({ onRequest: ({ verb, path }) => requests.push(`${verb} ${path}`) });
  namespace = await freshNamespace(cluster, 'adapter');
});
afterAll(async () => {
  await namespace.drop();
  await cluster.close();
});

const refTo = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', namespace: namespace.name, name });

describe('each call is one request', () => {
  test('and none is spent on discovery', async () => {
    const fresh = await realCluster({ onRequest: ({ verb, path }) => requests.push(`${verb} ${path}`) });
    requests.length = 0;
    const object = { ...configMap('counted', { a: '1' }), metadata: { name: 'counted', namespace: namespace.name } };
    const { metadata } = await fresh.create(object);
    await fresh.get(refTo('counted'));
    await fresh.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: namespace.name });
    await fresh.patch(refTo('counted'), [{ op: 'replace', path: '/data/a', value: '2' }]);
    await fresh.delete(refTo('counted'), { uid: metadata.uid ?? '' });
    await fresh.close();
    const path = `/api/v1/namespaces/${namespace.name}/configmaps`;
    expect(requests).toEqual([`create ${path}`, `get ${path}/counted`, `list ${path}`, `patch ${path}/counted`, `delete ${path}/counted`]);
  });
});

describe('kinds are found without asking', () => {
  test.each([
    ['v1', 'Service'],
    ['v1', 'Endpoints'],
    ['apps/v1', 'Deployment'],
    ['batch/v1', 'Job'],
    ['discovery.k8s.io/v1', 'EndpointSlice'],
    ['networking.k8s.io/v1', 'Ingress'],
    ['networking.k8s.io/v1', 'NetworkPolicy'],
    ['traefik.io/v1alpha1', 'IngressRoute'],
    ['traefik.io/v1alpha1', 'TraefikService'],
    ['traefik.io/v1alpha1', 'Middleware'],
    ['gateway.networking.k8s.io/v1', 'HTTPRoute'],
    ['gateway.networking.k8s.io/v1', 'Gateway'],
  ])('%s %s', async (apiVersion, kind) => {
    await expect(cluster.list({ apiVersion, kind, namespace: namespace.name })).resolves.toBeInstanceOf(Array);
  });

  test('cluster-wide ones too', async () => {
    const found = await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace.name });
    expect(found?.kind).toBe('Namespace');
  });
});

test('a write in the field manager\'s records is sluice\'s', async () => {
  await namespace.create(configMap('managed', { a: '1' }));
  const patched = await cluster.patch(refTo('managed'), [{ op: 'replace', path: '/data/a', value: '2' }]);
  expect(patched.metadata.managedFields).toMatchObject([{ manager: 'sluice' }]);
});

test('the items of a list say what they are, as the object itself does', async () => {
  await namespace.create({ ...configMap('listed'), metadata: { name: 'listed', labels: { listed: 'yes' } } });
  const items = await cluster.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: namespace.name, labelSelector: 'listed=yes' });
  expect(items).toEqual([await cluster.get(refTo('listed'))]);
});

describe('who we are comes from the kubeconfig', () => {
  const contextWith = async (user: Record<string, unknown>): Promise<string> => {
    const config = parse(await readFile(kubeconfigPath(), 'utf8')) as { users: { name: string; user: unknown }[]; contexts: { name: string; context: { user: string } }[] };
    config.users.push({ name: 'other', user });
    config.contexts.push({ name: 'other', context: { ...config.contexts[0]?.context, user: 'other' } });
    return stringify(config);
  };

  test('an exec plugin is run once for several calls', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-exec-'));
    const [counter, plugin] = [join(folder, 'runs'), join(folder, 'plugin')];
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'admin-token' } };
    await writeFile(plugin, `#!/bin/sh\necho run >>'${counter}'\necho '${JSON.stringify(credential)}'\n`, { mode: 0o700 });
    const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin } };
    const connected = await realCluster({ kubeconfig: { inline: await contextWith(user) }, context: 'other' });
    const first = await connected.get(refTo('listed'));
    await connected.get(refTo('listed'));
    await connected.close();
    const runs = await readFile(counter, 'utf8');
    await rm(folder, { recursive: true });
    expect(first?.metadata.name).toBe('listed');
    expect(runs).toBe('run\n');
  });

  test('a client certificate', async () => {
    const connected = await realCluster({ context: 'certified' });
    const found = await connected.get(refTo('listed'));
    await connected.close();
    expect(found?.metadata.name).toBe('listed');
  });

  test('a server whose certificate is not signed by the one we trust is not talked to', async () => {
    const config = await contextWith({ token: 'admin-token' });
    const connected = await realCluster({ kubeconfig: { inline: config.replace(/certificate-authority: .*/, '').replace(/tls-server-name: .*/, 'tls-server-name: localhost') } });
    await expect(connected.get(refTo('listed'))).rejects.toMatchObject({ failure: 'unavailable', message: expect.stringContaining('certificate') });
  });

  test('a token that the server does not know is forbidden, and is not repeated', async () => {
    const connected = await realCluster({ kubeconfig: { inline: await contextWith({ token: 'no-such-token' }) }, context: 'other' });
    const failure = await connected.get(refTo('listed')).catch((error: unknown) => error);
    await connected.close();
    expect(failure).toMatchObject({ failure: 'forbidden', status: 401 });
    expect(JSON.stringify(failure) + String(failure)).not.toContain('no-such-token');
  });

  test('a context that is not there is said, with those that are', async () => {
    const connected = await connectKubernetes({ name: 'real', kubeconfig: { path: kubeconfigPath() }, context: 'nowhere' });
    await expect(connected.get(refTo('listed'))).rejects.toMatchObject({ failure: 'unavailable', message: expect.stringContaining('"nowhere"; its contexts: real') });
  });
});

test('a watch tells of changes after it began, until its signal', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const old = await namespace.create(configMap('before-the-watch'));
  const events = cluster.watch({ apiVersion: 'v1', kind: 'ConfigMap', namespace: namespace.name }, stop.signal);
  // The first write may come before the server has begun to watch; the marks are repeated until one is seen.
  let marks = 0;
  const marker = setInterval(() => void cluster.patch(refTo('before-the-watch'), [{ op: 'add', path: '/data', value: { mark: String(marks++) } }]), 50);
  for await (const { type, object } of events) {
    clearInterval(marker);
    seen.push(`${type} ${object.metadata.name}`);
    if (seen.length === 1) {
      const [made] = await namespace.create(configMap('during-the-watch'));
      await cluster.delete(refTo('during-the-watch'), { uid: made?.metadata.uid ?? '' });
    }
    if (type === 'DELETED') stop.abort();
  }
  expect(old).toHaveLength(1);
  expect([...new Set(seen)]).toEqual(['MODIFIED before-the-watch', 'ADDED during-the-watch', 'DELETED during-the-watch']);
});

test('a patch through the port costs little more than the bare request', async () => {
  const times = { bare: [] as number[], port: [] as number[] };
  await namespace.create({ ...configMap('timed'), metadata: { name: 'timed', annotations: { count: '0' } } });
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  const bare = (text: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const request = https.request(
        { host: '127.0.0.1', port: 6443, method: 'PATCH', agent, path: `/api/v1/namespaces/${namespace.name}/configmaps/timed`, headers: { authorization: 'Bearer admin-token', 'content-type': 'application/json-patch+json', 'content-length': Buffer.byteLength(text) } },
        (response) => response.resume().on('end', () => resolve(response.statusCode)),
      );
      request.on('error', reject).end(text);
    });
  const timed = async (into: number[], write: () => Promise<unknown>): Promise<unknown> => {
    const start = performance.now();
    const result = await write();
    into.push(performance.now() - start);
    return result;
  };
  for (let count = 1; count <= 200; count++) {
    const ops = (by: string) => [{ op: 'replace' as const, path: '/metadata/annotations/count', value: `${by} ${count}` }];
    expect(await timed(times.bare, () => bare(JSON.stringify(ops('bare'))))).toBe(200);
    await timed(times.port, () => cluster.patch(refTo('timed'), ops('port')));
  }
  agent.destroy();
  const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  console.log(`one PATCH, median of 200: bare ${median(times.bare).toFixed(2)} ms, through the port ${median(times.port).toFixed(2)} ms`);
  expect(median(times.port)).toBeLessThan(2 * median(times.bare));
});
