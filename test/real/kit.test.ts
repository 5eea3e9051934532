import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster, KubeObject } from '../../infra/cluster/port.ts';
import { demoDeployment, demoService, flip, freshNamespace, type Namespace, podsOf, pushImage, readyPods, realCluster, waitUntil } from './helpers.ts';
import { startLoad } from './load.ts';
import { startAlertmanager, startPrometheus } from './measuring.ts';

// That the servers do what the other real suites take for granted.

let cluster: Cluster;
let namespace: Namespace;
let digests: readonly string[];

beforeAll(async () => {
  cluster = await realCluster();
  namespace = await freshNamespace(cluster, 'kit');
  const images = [await pushImage('kit:v1', { VERSION: 'v1' }), await pushImage('kit:v2', { VERSION: 'v2' })] as const;
  digests = images.map(({ digest }) => digest);
  await namespace.create(
    demoDeployment('stable', images[0].image, { app: 'demo', version: 'v1' }, 2),
    demoDeployment('canary', images[1].image, { app: 'demo', version: 'v2' }),
    demoService('stable', { app: 'demo', version: 'v1' }),
    demoService('canary', { app: 'demo', version: 'v2' }),
  );
  await readyPods(cluster, namespace.name, 'version=v1', 2);
  await readyPods(cluster, namespace.name, 'version=v2', 1);
});
afterAll(async () => {
  await namespace.drop();
  await cluster.close();
});

/** Until this host's requests are answered by pods of the demo, many times in a row. */
const routed = (host: string): Promise<unknown> =>
  waitUntil(`Traefik routes ${host}`, async () => {
    const { lost } = await probe(host, 20);
    return lost.length === 0;
  });
const probe = async (host: string, requests: number) => {
  const load = startLoad({ host, ratePerSecond: 100, maxSeconds: requests / 100 });
  await waitUntil('the probe is sent', () => load.sent() === requests, 10_000, 10);
  return load.stop();
};

const ingressRoute = (host: string): KubeObject => ({
  apiVersion: 'traefik.io/v1alpha1',
  kind: 'IngressRoute',
  metadata: { name: 'demo' },
  spec: { entryPoints: ['web'], routes: [{ match: `Host(\`${host}\`)`, kind: 'Rule', services: [{ name: 'stable', port: 80, weight: 75 }, { name: 'canary', port: 80, weight: 25 }] }] },
});

const httpRoute = (host: string): readonly KubeObject[] => [
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'web' }, spec: { gatewayClassName: 'traefik', listeners: [{ name: 'web', protocol: 'HTTP', port: 8000 }] } },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'demo' },
    spec: { parentRefs: [{ name: 'web' }], hostnames: [host], rules: [{ backendRefs: [{ name: 'stable', port: 80, weight: 75 }, { name: 'canary', port: 80, weight: 25 }] }] },
  },
];

test('images that differ in their environment differ in their digest, and the same one is the same', async () => {
  const again = await pushImage('kit:v1-again', { VERSION: 'v1' });
  const ill = await pushImage('kit:ill', { VERSION: 'v1', ERROR_RATE: '1' });
  expect(digests[0]).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(again.digest).toBe(digests[0]);
  expect(new Set([...digests, ill.digest]).size).toBe(3);
});

test.each([
  ['an IngressRoute', 'crd.test', (host: string) => [ingressRoute(host)]],
  ['an HTTPRoute', 'gateway.test', httpRoute],
])('Traefik splits users by the weights of %s', async (_, host, objects) => {
  await namespace.create(...objects(host));
  await routed(host);
  const { sent, byVersion, lost } = await probe(host, 200);
  expect(lost).toEqual([]);
  expect(sent).toBe(200);
  // weighted round robin: exact but for where the round stands
  expect(Math.abs((byVersion['v2'] ?? 0) - 50)).toBeLessThanOrEqual(2);
});

test('requests that no pod answered are told from those a pod answered badly', async () => {
  const [pod] = await podsOf(cluster, namespace.name, 'version=v2');
  if (pod === undefined) throw new Error('the canary has no pod');
  await flip(pod, { rate: 1 });
  const ill = await probe('crd.test', 40);
  await flip(pod, { rate: 0 });
  const nobody = await probe('nobody.test', 5);
  expect(ill.lost).toEqual([]);
  expect(ill.byStatus).toEqual({ 200: 40 - (ill.byVersion['v2'] ?? 0), 500: ill.byVersion['v2'] });
  expect(nobody.lost).toMatchObject(Array.from({ length: 5 }, () => ({ status: 404, at: expect.any(Number) })));
});

test('a pod becomes unready and ready again at will, and a killed one is replaced', async () => {
  const [pod] = await readyPods(cluster, namespace.name, 'version=v2', 1);
  if (pod === undefined) throw new Error('the canary has no pod');
  await flip(pod, { ready: false });
  await readyPods(cluster, namespace.name, 'version=v2', 0);
  await flip(pod, { ready: true });
  await readyPods(cluster, namespace.name, 'version=v2', 1);
  await namespace.remove('v1', 'Pod', pod.name);
  const [next] = await waitUntil('another pod is ready', async () => {
    const ready = (await podsOf(cluster, namespace.name, 'version=v2')).filter((each) => each.ready && each.name !== pod.name);
    return ready.length === 1 && ready;
  }, 60_000);
  expect(next?.name).not.toBe(pod.name);
});

interface Hook {
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** Records what is sent to a port; 0 takes a free one. */
const listen = async (port: number) => {
  const hooks: Hook[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      hooks.push({ path: request.url, authorization: request.headers.authorization, body: Buffer.concat(chunks).toString() });
      response.writeHead(202).end();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { hooks, close, port: (server.address() as AddressInfo).port };
};

test('the registry tells of a push, with the Authorization it was given', async () => {
  const receiver = await listen(8090);
  const { digest } = await pushImage('kit:told', { VERSION: 'told' });
  const hook = await waitUntil('the push is told', () => receiver.hooks.find(({ body }) => body.includes('"tag":"told"') || body.includes('"tag": "told"')));
  await receiver.close();
  expect(hook.path).toBe('/hooks/registry');
  expect(hook.authorization).toBe(process.env['SLUICE_REAL_HOOK_AUTHORIZATION']);
  expect(hook.body).toContain(digest);
});

test('Prometheus counts what the pods answer, and an alert on it reaches a webhook through Alertmanager', async () => {
  const receiver = await listen(0);
  const alertmanager = await startAlertmanager({ webhook: `http://127.0.0.1:${receiver.port}/hooks/alerts`, token: 'alert-token' });
  const expr = 'sum by (version) (rate(http_requests_total{code="500"}[15s])) > 0';
  const prometheus = await startPrometheus({ cluster, namespace: namespace.name, every: '1s', rules: [{ alert: 'Ill', expr, labels: { severity: 'critical' } }] });
  const [pod] = await readyPods(cluster, namespace.name, 'version=v2', 1);
  if (pod === undefined) throw new Error('the canary has no pod');
  await flip(pod, { rate: 1 });
  const load = startLoad({ host: 'crd.test', ratePerSecond: 20, maxSeconds: 60 });
  const hook = await waitUntil('the alert arrives', () => receiver.hooks.find(({ body }) => body.includes('"firing"')), 45_000);
  await load.stop();
  await prometheus.stop();
  await alertmanager.stop();
  await receiver.close();
  expect(hook.authorization).toBe('Bearer alert-token');
  expect(JSON.parse(hook.body)).toMatchObject({ alerts: [{ status: 'firing', labels: { alertname: 'Ill', severity: 'critical', version: 'v2' } }] });
});
