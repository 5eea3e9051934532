import { request as send } from 'node:http';
import { createServer as createSocketServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../events/input.ts';
import { systemClock } from '../infra/clock.ts';
import { createApiServer } from '../infra/cluster/sandbox/api-server.ts';
import type { GatewayAnswer } from '../infra/cluster/sandbox/gateway.ts';
import { laggedView } from '../infra/cluster/sandbox/lagged-view.ts';
import { manualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import { startProxy } from '../infra/cluster/sandbox/proxy.ts';
import { createSandbox, type Sandbox } from '../infra/cluster/sandbox/sandbox.ts';
import { ask, httpRoute, ingressRoute, named, namespace, service, to } from './route-objects.ts';

const image = 'registry.test/team/demo';
const opened: Sandbox[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()));
});

/** Stable v1 and canary v2 with a Service each, and nothing that routes to them yet. */
const town = async (sandbox: Sandbox, env: Record<string, Record<string, string>> = {}): Promise<void> => {
  opened.push(sandbox);
  for (const [name, version] of [['stable', 'v1'], ['canary', 'v2']] as const) {
    sandbox.registry.push(image, version, { env: { VERSION: version, ...env[version] } });
    await sandbox.cluster.create(service(name));
    await sandbox.cluster.create(named('apps/v1', 'Deployment', name, {
      spec: { replicas: 2, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: `${image}:${version}` }] } } },
    }));
  }
};
const ref = (apiVersion: string, kind: string, name: string) => ({ apiVersion, kind, namespace, name });

describe('the gateway of a sandbox', () => {
  const never: readonly [number, number] = [0, 0];
  const inStep = { IngressRoute: never, Service: never, EndpointSlice: never, HTTPRoute: never };

  test('thousands of requests split as the object says, and are counted by version and status', async () => {
    const clock = manualClock();
    const sandbox = createSandbox({ clock, lagMs: inStep });
    await town(sandbox, { v2: { ERROR_RATE: '0.5' } });
    await sandbox.cluster.create(ingressRoute([to('stable', 90), to('canary', 10)]));
    clock.advance(2000);
    for (let i = 0; i < 5000; i += 1) sandbox.gateway.route(ask);
    const counts = sandbox.gateway.counts();
    expect(counts['v1']).toEqual({ 200: 4500 });
    expect((counts['v2']?.[200] ?? 0) + (counts['v2']?.[500] ?? 0)).toBe(500);
    expect(counts['v2']?.[500]).toBeGreaterThan(200);
    expect(counts['v2']?.[500]).toBeLessThan(300);
    expect(sandbox.gateway.route({ host: 'other.test', path: '/' })).toEqual({ status: 404 });
    expect(sandbox.gateway.counts()['-']).toEqual({ 404: 1 });
  });

  test('an answer names service, pod and version', async () => {
    const clock = manualClock();
    const sandbox = createSandbox({ clock, lagMs: inStep });
    await town(sandbox);
    await sandbox.cluster.create(ingressRoute([to('stable')]));
    clock.advance(2000);
    expect(sandbox.gateway.route(ask)).toEqual({ status: 200, service: 'default/stable', pod: expect.stringMatching(/^stable-/), version: 'v1' });
  });

  test('changes of one kind are seen in their order, though timers of one moment may fire in any', () => {
    const timers: (() => void)[] = [];
    const clock = { ...systemClock, now: () => 0, at: (_at: number, callback: () => void) => (timers.push(callback), () => undefined) };
    const server = createApiServer(systemClock, () => 0.5);
    const view = laggedView(server, clock, () => 0, {}, () => undefined);
    server.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, { manager: 'test' });
    server.create(service('demo'), { manager: 'test' });
    server.remove(ref('v1', 'Service', 'demo'), {});
    const last = server.create(service('demo'), { manager: 'test' });
    for (const fire of timers.toReversed()) fire();
    expect(view.objects().filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.resourceVersion)).toEqual([last.metadata.resourceVersion]);
    view.close();
  });

  test('each kind is seen after a lag of its own: a route can be seen before the endpoints it needs', async () => {
    const clock = manualClock();
    const sandbox = createSandbox({ clock, readyDelayMs: 500, lagMs: { IngressRoute: [100, 100], Service: never, EndpointSlice: [3000, 3000] } });
    await town(sandbox);
    clock.advance(1000);
    await sandbox.cluster.create(ingressRoute([to('stable', 50), to('canary', 50)]));
    clock.advance(99);
    expect(sandbox.gateway.route(ask)).toMatchObject({ status: 404 });
    clock.advance(1000);
    expect(sandbox.gateway.route(ask)).toMatchObject({ status: 404 });
    clock.advance(3000);
    expect(sandbox.gateway.route(ask)).toMatchObject({ status: 200 });
  });

  test('without a barrier users meet a dead canary: pods go before the proxy has seen the route change', async () => {
    const clock = manualClock();
    const sandbox = createSandbox({ clock, lagMs: { IngressRoute: [5000, 5000], Service: never, EndpointSlice: [5000, 5000] } });
    await town(sandbox);
    const made = await sandbox.cluster.create(ingressRoute([to('stable', 50), to('canary', 50)]));
    clock.advance(10_000);
    await sandbox.cluster.patch(ref(made.apiVersion, made.kind, 'demo'), [{ op: 'remove', path: '/spec/routes/0/services/1' }]);
    await sandbox.cluster.patch(ref('apps/v1', 'Deployment', 'canary'), [{ op: 'replace', path: '/spec/replicas', value: 0 }]);
    clock.advance(4000);
    const statuses = Array.from({ length: 10 }, () => sandbox.gateway.route(ask).status).sort((a, b) => a - b);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 502, 502, 502, 502, 502]);
    clock.advance(2000);
    expect(Array.from({ length: 10 }, () => sandbox.gateway.route(ask).status)).toEqual(Array(10).fill(200));
  });

  test('a pod that has just died is 502 until its endpoint is seen to be gone', async () => {
    const clock = manualClock();
    const sandbox = createSandbox({ clock, lagMs: { ...inStep, EndpointSlice: [500, 500] } });
    await town(sandbox);
    await sandbox.cluster.create(httpRoute([{ backendRefs: [to('stable')] }]));
    clock.advance(2000);
    expect(sandbox.gateway.route(ask)).toMatchObject({ status: 200 });
    sandbox.kill({ namespace, labelSelector: 'app=stable', comesBack: false });
    expect(sandbox.gateway.route(ask)).toEqual({ status: 502, service: 'default/stable' });
    clock.advance(600);
    expect(sandbox.gateway.route(ask)).toEqual({ status: 503, service: 'default/stable' });
  });

  test('a canary that dies takes the whole rule down, and removing its entry brings it back', async () => {
    const clock = manualClock();
    const sandbox = createSandbox({ clock, lagMs: inStep });
    await town(sandbox);
    const made = await sandbox.cluster.create(ingressRoute([to('stable', 100), to('canary', 0)]));
    clock.advance(2000);
    expect(sandbox.gateway.route(ask).status).toBe(200);
    sandbox.kill({ namespace, labelSelector: 'app=canary', comesBack: false });
    clock.advance(100);
    expect(sandbox.gateway.route(ask).status).toBe(404);
    await sandbox.cluster.patch(ref(made.apiVersion, made.kind, 'demo'), [{ op: 'remove', path: '/spec/routes/0/services/1' }]);
    clock.advance(100);
    expect(sandbox.gateway.route(ask).status).toBe(200);
  });

  test('an HTTPRoute\'s status follows after the lag, for the generation seen, and names what is missing', async () => {
    const clock = manualClock();
    const sandbox = createSandbox({ clock, lagMs: { ...inStep, HTTPRoute: [200, 200] } });
    await town(sandbox);
    clock.advance(2000);
    const made = await sandbox.cluster.create(httpRoute([{ backendRefs: [to('stable'), to('nobody')] }]));
    const conditions = async (): Promise<Json> =>
      ((await sandbox.cluster.get(ref(made.apiVersion, made.kind, 'demo')))?.['status'] as { parents?: { conditions: Json }[] } | undefined)?.parents?.[0]?.conditions ?? null;
    clock.advance(199);
    expect(await conditions()).toBeNull();
    clock.advance(1);
    expect(await conditions()).toMatchObject([
      { type: 'Accepted', status: 'True', observedGeneration: 1 },
      { type: 'ResolvedRefs', status: 'False', reason: 'BackendNotFound', observedGeneration: 1 },
    ]);
    const patched = await sandbox.cluster.patch(ref(made.apiVersion, made.kind, 'demo'), [{ op: 'remove', path: '/spec/rules/0/backendRefs/1' }]);
    expect(patched.metadata.generation).toBe(2);
    clock.advance(200);
    expect(await conditions()).toMatchObject([{ observedGeneration: 2 }, { type: 'ResolvedRefs', status: 'True', observedGeneration: 2 }]);
    expect((await sandbox.cluster.get(ref(made.apiVersion, made.kind, 'demo')))?.metadata.generation).toBe(2);
  });
});

describe('real HTTP', () => {
  interface Answer { readonly status: number; readonly version: string | undefined; readonly body: string }
  const get = (url: string, headers: Record<string, string> = { host: 'demo.test' }): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = send(url, { headers }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => resolve({ status: response.statusCode ?? 0, version: response.headers['x-version'] as string | undefined, body }));
      });
      outgoing.on('error', reject).end();
    });
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    const end = Date.now() + 10_000;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`not so within 10 s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const live = async (env: Record<string, Record<string, string>> = {}): Promise<{ readonly sandbox: Sandbox; readonly url: string }> => {
    const lag: readonly [number, number] = [1, 30];
    const sandbox = createSandbox({ clock: systemClock, readyDelayMs: 50, http: true, lagMs: { IngressRoute: lag, Service: lag, EndpointSlice: lag } });
    await town(sandbox, env);
    await sandbox.cluster.create(ingressRoute([to('stable', 75), to('canary', 25)]));
    const url = `${await sandbox.gateway.url}/`;
    await until('all four pods are reached', async () => sandbox.addresses().length === 4 && (await get(url)).status === 200);
    return { sandbox, url };
  };

  test('the proxy splits exactly, pods answer with their version, and both count', async () => {
    const { sandbox, url } = await live();
    await until('endpoints have settled', async () => new Set(await Promise.all(Array.from({ length: 8 }, () => get(url).then(({ version }) => version)))).size === 2);
    const before = sandbox.gateway.counts();
    const answers: Answer[] = [];
    for (let i = 0; i < 100; i += 1) answers.push(await get(url));
    expect(answers.filter(({ version }) => version === 'v1')).toHaveLength(75);
    expect(answers.filter(({ version, status, body }) => version === 'v2' && status === 200 && body === 'v2\n')).toHaveLength(25);
    expect((sandbox.gateway.counts()['v2']?.[200] ?? 0) - (before['v2']?.[200] ?? 0)).toBe(25);

    const pages = await Promise.all(sandbox.addresses().filter(({ labels }) => labels['app'] === 'canary').map(({ url: address }) => get(`${address}/metrics`)));
    const served = pages.map(({ body }) => Number(/http_requests_total\{version="v2",code="200"\} (\d+)/.exec(body)?.[1]));
    expect(served.reduce((sum, n) => sum + n, 0)).toBe(sandbox.gateway.counts()['v2']?.[200]);
    expect((await get(`${sandbox.addresses()[0]?.url}/healthz`)).body).toBe('ok\n');
  });

  test('an unknown host is 404; an ill pod answers 500, late', async () => {
    const { url } = await live({ v1: { ERROR_RATE: '1', DELAY_MS: '120' }, v2: { ERROR_RATE: '0' } });
    expect((await get(url, { host: 'other.test' })).status).toBe(404);
    const answers = await Promise.all(Array.from({ length: 8 }, async () => {
      const from = performance.now();
      const answer = await get(url);
      return { ...answer, ms: performance.now() - from };
    }));
    const ill = answers.filter(({ version }) => version === 'v1');
    expect(ill.length).toBeGreaterThan(0);
    expect(ill.every(({ status, ms }) => status === 500 && ms >= 115)).toBe(true);
    expect(answers.filter(({ version }) => version === 'v2').every(({ status }) => status === 200)).toBe(true);
  });

  test('a pod that cuts the connection under a request is 502, counted once', async () => {
    const pod = createSocketServer((socket) => socket.on('data', () => socket.destroy()));
    await new Promise<void>((resolve) => pod.listen(0, '127.0.0.1', resolve));
    const counted: GatewayAnswer[] = [];
    const to = { up: true, behaviour: { version: 'v1', errorRate: 0, delayMs: 0 }, port: (pod.address() as AddressInfo).port };
    const proxy = await startProxy({ dispatch: () => ({ to, service: 'default/stable', pod: 'stable-0' }), count: (answer) => counted.push(answer) });
    expect((await get(`${proxy.url}/`)).status).toBe(502);
    expect(counted).toEqual([{ status: 502, service: 'default/stable', pod: 'stable-0' }]);
    await proxy.close();
    pod.close();
  });

  test('pods that go down while the gateway still believes in them are 502, and come back', async () => {
    const lag: readonly [number, number] = [300, 300];
    const sandbox = createSandbox({ clock: systemClock, readyDelayMs: 50, http: true, lagMs: { EndpointSlice: lag } });
    await town(sandbox);
    await sandbox.cluster.create(ingressRoute([to('stable')]));
    const url = `${await sandbox.gateway.url}/`;
    await until('stable answers', async () => (await get(url)).status === 200);
    sandbox.kill({ namespace, labelSelector: 'app=stable', comesBack: true });
    expect((await get(url)).status).toBe(502);
    await until('stable answers again', async () => (await get(url)).status === 200);
  });
});
