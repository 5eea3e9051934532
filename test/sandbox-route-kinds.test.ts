import { applyPatch } from 'rfc6902';
import type { Operation } from 'rfc6902';
import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';
import { roundRobin } from '../infra/cluster/sandbox/balancer.ts';
import { manualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import type { GatewayRequest } from '../infra/cluster/sandbox/request.ts';
import { choose } from '../infra/cluster/sandbox/route-model.ts';
import { routesOf } from '../infra/cluster/sandbox/routes.ts';
import { createSandbox, type Sandbox } from '../infra/cluster/sandbox/sandbox.ts';
import { routerOf } from '../infra/routing/routers.ts';
import type { JsonPatchOp } from '../statemachines/document.ts';
import { anywhere, ask, backend, endpoints, httpRoute, ingressRoute, named, namespace, service, to } from './route-objects.ts';

const tally = (objects: readonly KubeObject[], requests: number, request: GatewayRequest = ask): Record<string, number> => {
  const [routes, balance, counts] = [routesOf(objects), roundRobin(), new Map<string, number>()];
  for (let i = 0; i < requests; i += 1) {
    const choice = choose(routes, request, balance);
    const key = choice.outcome === 'pod' ? choice.service.replace(`${namespace}/`, '') : String(choice.status);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
};

const empty = (name: string): KubeObject[] => [service(name), endpoints(name, 0)];
const virtualService = (http: readonly Json[], rest: Record<string, Json> = {}, name = 'demo'): KubeObject =>
  named('networking.istio.io/v1', 'VirtualService', name, { spec: { hosts: ['demo.test'], http, ...rest } });
const host = (name: string, weight?: number, more: Record<string, Json> = {}): Json => ({ destination: { host: name, ...more }, ...(weight === undefined ? {} : { weight }) });
const httpProxy = (routes: readonly Json[], rest: Record<string, Json> = { virtualhost: { fqdn: 'demo.test' } }, name = 'demo'): KubeObject =>
  named('projectcontour.io/v1', 'HTTPProxy', name, { spec: { routes, ...rest } });
const grpcRoute = (rules: readonly Json[]): KubeObject => named('gateway.networking.k8s.io/v1', 'GRPCRoute', 'demo', { spec: { parentRefs: [{ name: 'gw' }], hostnames: ['demo.test'], rules } });
const both = [...backend('stable'), ...backend('canary')];

describe('VirtualService, objects and a request to a choice', () => {
  test('weights are kept; a missing one beside others is 0, and one destination alone gets all', () => {
    expect(tally([...both, virtualService([{ route: [host('stable', 75), host('canary', 25)] }])], 100)).toEqual({ stable: 75, canary: 25 });
    expect(tally([...both, virtualService([{ route: [host('stable', 1), host('canary')] }])], 10)).toEqual({ stable: 10 });
    expect(tally([...both, virtualService([{ route: [host('canary', 0)] }])], 10)).toEqual({ canary: 10 });
  });

  // As seen on Istio 1.31 (real-dataplanes.md): what is unknown takes its own share down and no other.
  test('a host that is no Service, a subset nobody defined and a Service without endpoints answer 503 for their share', () => {
    const split = (second: Json): KubeObject => virtualService([{ route: [host('stable', 75), second] }]);
    expect(tally([...both, split(host('nobody', 25))], 100)).toEqual({ stable: 75, 503: 25 });
    expect(tally([...both, split(host('canary', 25, { subset: 'v2' }))], 100)).toEqual({ stable: 75, 503: 25 });
    expect(tally([...backend('stable'), ...empty('canary'), split(host('canary', 25))], 100)).toEqual({ stable: 75, 503: 25 });
  });

  test('full names are found, and names with a dot are not completed', () => {
    const one = (name: string): KubeObject[] => [...both, virtualService([{ route: [host(name)] }])];
    expect(tally(one('stable.default.svc.cluster.local'), 2)).toEqual({ stable: 2 });
    expect(tally(one('stable.default'), 2)).toEqual({ 503: 2 });
    expect(tally(one('stable.other.svc.cluster.local'), 2)).toEqual({ 503: 2 });
  });

  test('the first route that matches decides', () => {
    const objects = [
      ...['api', 'jason', 'other', 'rest'].flatMap((name) => backend(name)),
      virtualService([
        { match: [{ uri: { prefix: '/api' }, method: { exact: 'GET' } }], route: [host('api')] },
        { match: [{ headers: { 'end-user': { exact: 'jason' } } }, { queryParams: { beta: { regex: '1|yes' } } }], route: [host('jason')] },
        { match: [{ withoutHeaders: { cookie: {} }, uri: { exact: '/plain' } }, { port: 9 }], route: [host('other')] },
        { match: [{ uri: { exact: '/old' } }], redirect: { uri: '/new' } },
        { route: [host('rest')] },
      ]),
    ];
    const one = (request: Partial<GatewayRequest>): string[] => Object.keys(tally(objects, 1, { ...ask, ...request }));
    expect(one({ path: '/api/x' })).toEqual(['api']);
    expect(one({ path: '/api/x', method: 'POST' })).toEqual(['rest']);
    expect(one({ headers: { 'end-user': 'jason' } })).toEqual(['jason']);
    expect(one({ path: '/?beta=yes' })).toEqual(['jason']);
    expect(one({ path: '/plain' })).toEqual(['other']);
    expect(one({ path: '/plain', headers: { cookie: 'a' } })).toEqual(['rest']);
    expect(one({ path: '/old' })).toEqual(['500']);
    expect(one({ host: 'else.test' })).toEqual(['404']);
  });

  test('short hosts answer to their full names, exact hosts come before wildcards', () => {
    const objects = [...both, virtualService([{ route: [host('stable')] }], { hosts: ['*.test'] }, 'wild'), virtualService([{ route: [host('canary')] }], { hosts: ['demo.test', 'demo'] })];
    expect(tally(objects, 1)).toEqual({ canary: 1 });
    expect(tally(objects, 1, { ...ask, host: 'x.test' })).toEqual({ stable: 1 });
    expect(tally(objects, 1, { ...ask, host: 'demo.default.svc.cluster.local' })).toEqual({ canary: 1 });
  });

  test('a delegate is asked with the conditions of its root, one level deep', () => {
    const child = virtualService([{ match: [{ uri: { prefix: '/api/v2' } }], route: [host('canary')] }, { route: [host('stable')] }], { hosts: [] }, 'child');
    const root = virtualService([{ match: [{ uri: { prefix: '/api' } }], delegate: { name: 'child', namespace } }]);
    expect(tally([...both, root, child], 1, { ...ask, path: '/api/v2' })).toEqual({ canary: 1 });
    expect(tally([...both, root, child], 1, { ...ask, path: '/api/v1' })).toEqual({ stable: 1 });
    expect(tally([...both, root, child], 1)).toEqual({ 404: 1 });
    expect(tally([...both, root, virtualService([{ delegate: { name: 'child', namespace } }], { hosts: [] }, 'child')], 1, { ...ask, path: '/api' })).toEqual({ 404: 1 });
  });
});

describe('HTTPProxy, objects and a request to a choice', () => {
  // As seen on Contour 1.33.8 (real-dataplanes.md).
  test('weights are kept; a missing one is 0; where all are 0 they share evenly', () => {
    const one = (stable?: number, canary?: number): Record<string, number> => tally([...both, httpProxy([{ services: [to('stable', stable), to('canary', canary)] }])], 100);
    expect(one(75, 25)).toEqual({ stable: 75, canary: 25 });
    expect(one(1)).toEqual({ stable: 100 });
    expect(one(0, 0)).toEqual({ stable: 50, canary: 50 });
    expect(one()).toEqual({ stable: 50, canary: 50 });
  });

  test('the share of a service that does not exist goes to the others; one without endpoints answers 503', () => {
    const split = httpProxy([{ services: [to('stable', 75), to('canary', 25)] }]);
    expect(tally([...backend('stable'), split], 20)).toEqual({ stable: 20 });
    expect(tally([...backend('stable'), ...empty('canary'), split], 100)).toEqual({ stable: 75, 503: 25 });
    expect(tally([split], 2)).toEqual({ 503: 2 });
  });

  test('mirrors take no share', () => {
    expect(tally([...both, httpProxy([{ services: [to('stable'), { ...to('canary', 50), mirror: true }] }])], 10)).toEqual({ stable: 10 });
  });

  test('conditions decide, the more specific first, and those of an include stand before', () => {
    const objects = [
      ...['rest', 'api', 'exact', 'beta', 'plain', 'blog'].flatMap((name) => backend(name)),
      httpProxy(
        [
          { services: [to('rest')] },
          { conditions: [{ prefix: '/api' }], services: [to('api')] },
          { conditions: [{ prefix: '/api' }, { header: { name: 'X-Beta', contains: 'YES', ignoreCase: true } }], services: [to('beta')] },
          { conditions: [{ exact: '/api/exact' }], services: [to('exact')] },
          { conditions: [{ prefix: '/q' }, { queryParameter: { name: 'v', regex: '[0-9]+' } }, { header: { name: 'cookie', notpresent: true } }], services: [to('plain')] },
        ],
        { virtualhost: { fqdn: 'demo.test' }, includes: [{ name: 'blog', conditions: [{ prefix: '/blog/' }] }] },
      ),
      httpProxy([{ conditions: [{ prefix: '/posts' }], services: [to('blog')] }], {}, 'blog'),
    ];
    const one = (path: string, headers: Record<string, string> = {}): string[] => Object.keys(tally(objects, 1, { ...ask, path, headers }));
    expect(one('/')).toEqual(['rest']);
    expect(one('/apix')).toEqual(['api']);
    expect(one('/api', { 'x-beta': 'oh yes' })).toEqual(['beta']);
    expect(one('/api/exact', { 'x-beta': 'yes' })).toEqual(['exact']);
    expect(one('/q?v=12')).toEqual(['plain']);
    expect(one('/q?v=x')).toEqual(['rest']);
    expect(one('/q?v=12', { cookie: 'a' })).toEqual(['rest']);
    expect(one('/blog/posts/1')).toEqual(['blog']);
    expect(one('/posts')).toEqual(['rest']);
  });

  test('a missing header fits no negative condition unless it says so', () => {
    const one = (condition: Record<string, Json>): string[] =>
      Object.keys(tally([...both, httpProxy([{ services: [to('stable')] }, { conditions: [{ header: { name: 'x', ...condition } }], services: [to('canary')] }])], 1));
    expect(one({ notexact: 'a' })).toEqual(['stable']);
    expect(one({ notcontains: 'a', treatMissingAsEmpty: true })).toEqual(['canary']);
  });
});

describe('GRPCRoute, objects and a plain request to the path of a call', () => {
  test('a call goes by service and method, the more specific first; only the share of a backend in trouble fails', () => {
    const match = (method: Record<string, Json>): Json => [{ method }];
    const objects = [
      ...['any', 'service', 'method', 'regex'].flatMap((name) => backend(name)),
      grpcRoute([
        { backendRefs: [to('any', 3), to('nobody', 1)] },
        { matches: match({ service: 'shop.Orders' }), backendRefs: [to('service')] },
        { matches: match({ service: 'shop.Orders', method: 'Place' }), backendRefs: [to('method')] },
        { matches: match({ type: 'RegularExpression', service: 'audit[.].*' }), backendRefs: [to('regex')] },
      ]),
    ];
    const call = (path: string, times = 1): Record<string, number> => tally(objects, times, { ...ask, path, method: 'POST' });
    expect(call('/shop.Orders/Place')).toEqual({ method: 1 });
    expect(call('/shop.Orders/Cancel')).toEqual({ service: 1 });
    expect(call('/audit.Log/Write')).toEqual({ regex: 1 });
    expect(call('/shop.Users/Get', 4)).toEqual({ any: 3, 500: 1 });
  });
});

describe('a release in any of these objects', () => {
  const sides = { namespace, stable: 'stable', canary: 'canary' };
  const patched = (object: KubeObject, ops: readonly JsonPatchOp[]): KubeObject => {
    const copy = structuredClone(object) as KubeObject;
    expect(applyPatch(copy, ops as Operation[]).filter((error) => error !== null)).toEqual([]);
    return copy;
  };
  const objects: readonly [string, KubeObject][] = [
    ['IngressRoute', ingressRoute([to('stable')])],
    ['HTTPRoute', httpRoute([{ matches: anywhere, backendRefs: [to('stable')] }])],
    ['GRPCRoute', grpcRoute([{ backendRefs: [to('stable')] }])],
    ['VirtualService', virtualService([{ route: [host('stable')] }])],
    ['HTTPProxy', httpProxy([{ services: [to('stable')] }])],
  ];

  test.each(objects)('%s: users are split as planned at each step, and the way back serves all of them with the canary dead', (kind, before) => {
    const router = routerOf(kind);
    let object = before;
    let memory: Json | undefined;
    for (const canary of [0, 1, 40, 100, 20]) {
      const plan = router.plan(object, sides, { canary }, memory);
      if (!plan.ok) throw new Error(plan.problem);
      object = patched(object, plan.ops);
      ({ memory } = plan);
      expect(tally([...both, object], 100)).toEqual({ ...(canary < 100 ? { stable: 100 - canary } : {}), ...(canary > 0 ? { canary } : {}) });
      const dead = tally([...backend('stable'), ...empty('canary'), object], 100);
      expect(dead).toEqual(router.capabilities(object).fragile ? { 404: 100 } : { ...(canary < 100 ? { stable: 100 - canary } : {}), ...(canary > 0 ? { 503: canary } : {}) });
      for (const gone of [empty('canary'), []]) expect(tally([...backend('stable'), ...gone, patched(object, plan.back)], 100)).toEqual({ stable: 100 });
    }
  });
});

describe('the status of an HTTPProxy in the sandbox', () => {
  const opened: Sandbox[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()));
  });

  test('follows the write, names what is missing, and says who is nobody\'s child', async () => {
    const clock = manualClock();
    const sandbox = createSandbox({ clock, lagMs: { HTTPProxy: [100, 100], Service: [0, 0] } });
    opened.push(sandbox);
    await sandbox.cluster.create(service('stable'));
    const statusOf = async (name: string): Promise<Json> => ((await sandbox.cluster.get({ apiVersion: 'projectcontour.io/v1', kind: 'HTTPProxy', namespace, name }))?.['status'] ?? null) as Json;
    await sandbox.cluster.create(httpProxy([{ services: [to('stable'), to('nobody')] }]));
    clock.advance(99);
    expect(await statusOf('demo')).toBeNull();
    clock.advance(1);
    expect(await statusOf('demo')).toMatchObject({
      currentStatus: 'invalid',
      conditions: [{ type: 'Valid', status: 'False', observedGeneration: 1, errors: [{ type: 'ServiceError', reason: 'ServiceUnresolvedReference' }] }],
    });
    await sandbox.cluster.patch({ apiVersion: 'projectcontour.io/v1', kind: 'HTTPProxy', namespace, name: 'demo' }, [{ op: 'remove', path: '/spec/routes/0/services/1' }]);
    await sandbox.cluster.create(httpProxy([{ services: [to('stable')] }], {}, 'child'));
    clock.advance(100);
    expect(await statusOf('demo')).toMatchObject({ currentStatus: 'valid', conditions: [{ status: 'True', observedGeneration: 2 }] });
    expect(await statusOf('child')).toMatchObject({ currentStatus: 'orphaned', conditions: [{ status: 'False', errors: [{ reason: 'Orphaned' }] }] });
  });
});
