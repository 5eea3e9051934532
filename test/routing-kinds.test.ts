import { applyPatch } from 'rfc6902';
import type { Operation } from 'rfc6902';
import { describe, expect, test } from 'vitest';
import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';
import type { RoutePlan, Sides } from '../infra/routing/port.ts';
import { routerOf } from '../infra/routing/routers.ts';
import type { JsonPatchOp } from '../statemachines/document.ts';

type Fields = Readonly<Record<string, Json | undefined>>;

const sides: Sides = { namespace: 'prod', stable: 'app', canary: 'app-canary' };

const patched = (object: KubeObject, ops: readonly JsonPatchOp[]): KubeObject => {
  const copy = structuredClone(object) as KubeObject;
  const failed = applyPatch(copy, ops as Operation[]).find((error) => error !== null);
  if (failed) throw failed;
  return copy;
};

const planned = (plan: RoutePlan): Extract<RoutePlan, { ok: true }> => {
  if (!plan.ok) throw new Error(plan.problem);
  return plan;
};

const problemOf = (plan: RoutePlan): string => (plan.ok ? 'no problem' : plan.problem);

const made = (apiVersion: string, kind: string, spec: Json, rest: Fields = {}): KubeObject =>
  ({ apiVersion, kind, metadata: { name: 'app', namespace: 'prod', resourceVersion: '1', generation: 4 }, spec, ...rest }) as KubeObject;

const at = (object: KubeObject, ...path: readonly (string | number)[]): Json =>
  path.reduce<Json>((here, step) => (here as Record<string, Json>)[step] ?? null, object as unknown as Json);

const released = (object: KubeObject, canary: number): { object: KubeObject; memory: Json } => {
  const plan = planned(routerOf(object.kind).plan(object, sides, { canary }, undefined));
  return { object: patched(object, plan.ops), memory: plan.memory };
};

const back = (object: KubeObject, memory: Json): KubeObject => patched(object, planned(routerOf(object.kind).plan(object, sides, null, memory)).ops);

describe('an Istio VirtualService', () => {
  const router = routerOf('VirtualService');
  const virtualService = (http: readonly Json[], rest: Fields = {}): KubeObject => made('networking.istio.io/v1', 'VirtualService', { hosts: ['app'], http, ...rest } as Json);
  const to = (host: string, weight?: number, more: Fields = {}): Json => ({ destination: { host, ...more }, ...(weight === undefined ? {} : { weight }) });
  const only = (host: string, namespace = 'prod'): KubeObject => {
    const object = virtualService([{ route: [to(host)] }]);
    return { ...object, metadata: { ...object.metadata, namespace } };
  };

  test('a dying canary takes its own share alone, and nothing shows when a write is in effect', () => {
    expect(router.capabilities(only('app'))).toStrictEqual({ fragile: false, lagMs: 10_000, sticky: false });
    expect(router.verify(released(only('app'), 10).object, sides, { canary: 10 })).toStrictEqual({ state: 'inEffect' });
  });

  test('all versions of its group are taken, and no other', () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha3']) expect(router.check({ ...only('app'), apiVersion: `networking.istio.io/${version}` }, sides)).toBeUndefined();
    expect(router.check({ ...only('app'), apiVersion: 'networking.istio.io/v2' }, sides)).toContain('it is VirtualService of networking.istio.io/v2');
  });

  describe('names the Service', () => {
    test.each([
      ['app', 'prod', 'app-canary'],
      ['app.prod.svc.cluster.local', 'prod', 'app-canary.prod.svc.cluster.local'],
      ['app.prod.svc.cluster.local', 'edge', 'app-canary.prod.svc.cluster.local'],
      ['app.prod.svc.corp.example', 'prod', 'app-canary.prod.svc.corp.example'],
    ])('as %s from namespace %s, and the canary as %s', (host, namespace, canary) => {
      expect(router.check(only(host, namespace), sides)).toBeUndefined();
      expect(at(released(only(host, namespace), 30).object, 'spec', 'http', 0, 'route')).toStrictEqual([to(host, 70), to(canary, 30)]);
    });

    test.each(['app.prod', 'app.prod.svc'])('as %s, which Istio would not complete: refused with the names that it finds', (host) => {
      expect(router.check(only(host), sides)).toBe(
        `VirtualService prod/app: spec.http[0].route[0].destination.host is ${host}, which Istio takes as it stands and finds no Service by; ` +
          'allowed are the name of a Service of the same namespace and <name>.<namespace>.svc.cluster.local',
      );
    });

    test.each([
      ['app', 'edge'],
      ['app.staging.svc.cluster.local', 'prod'],
      ['app.prod.svc.clusterset.local', 'prod'],
      ['app.prod.example.com', 'prod'],
      ['app.example.com', 'prod'],
      ['*', 'prod'],
      ['', 'prod'],
    ])('but not as %s from namespace %s', (host, namespace) => {
      expect(router.check(only(host, namespace), sides)).toContain(
        `no rule names the stable Service prod/app; found host ${host === '' ? '(no name)' : host}; allowed are objects of kind VirtualService that name it directly`,
      );
    });
  });

  test('subsets of stable, as in the second article, are refused with what to do', () => {
    const reviews = virtualService([{ route: [to('app', 50, { subset: 'v1' }), to('app', 50, { subset: 'v2' })] }]);
    expect(router.check(reviews, sides)).toBe(
      'VirtualService prod/app: spec.http[0].route[0].destination.subset is "v1", which a DestinationRule defines for the host app alone and not for the canary\'s host; ' +
        'allowed are destinations without subset (what traffic policy stable has, a DestinationRule for the host of the canary gives that one too)',
    );
  });

  test('a subset that somebody gives stable during the release stops the next step, and not the way back', () => {
    const before = only('app');
    const { object, memory } = released(before, 10);
    const changed = patched(object, [{ op: 'add', path: '/spec/http/0/route/0/destination/subset', value: 'v1' }]);
    expect(problemOf(router.plan(changed, sides, { canary: 20 }, memory))).toContain('destination.subset is "v1"');
    expect(back(changed, memory)).toStrictEqual(virtualService([{ route: [to('app', undefined, { subset: 'v1' })] }]));
  });

  test('subsets of other hosts, and of stable where it gets nobody, are left alone', () => {
    const object = virtualService([
      { match: [{ uri: { prefix: '/a' } }], route: [to('reviews', 100, { subset: 'v2' })] },
      { match: [{ uri: { prefix: '/b' } }], route: [to('reviews', 100), to('app', 0, { subset: 'v2' })] },
      { route: [to('app')] },
    ]);
    expect(router.check(object, sides)).toBeUndefined();
    const { object: split, memory } = released(object, 10);
    expect(at(split, 'spec', 'http', 1)).toStrictEqual(at(object, 'spec', 'http', 1));
    expect(back(split, memory)).toStrictEqual(object);
  });

  test('a destination alone gets everybody whatever weight it has; beside others a missing weight is none', () => {
    expect(router.check(virtualService([{ route: [to('app', 0)] }]), sides)).toBeUndefined();
    expect(router.check(virtualService([{ route: [to('legacy', 100), to('app')] }]), sides)).toContain('gives the stable Service app weight 0');
    expect(router.observe(virtualService([{ route: [to('app', 60), to('app-canary')] }]), sides)).toStrictEqual({ present: true, canary: 0, stable: 100 });
    expect(router.observe(virtualService([{ route: [to('app-canary')] }]), sides)).toStrictEqual({ present: true, canary: 100, stable: 0 });
  });

  test('a root that delegates is not the one to name', () => {
    expect(router.check(virtualService([{ match: [{ uri: { prefix: '/' } }], delegate: { name: 'child' } }]), sides)).toContain('no rule names the stable Service prod/app; found no backends');
  });

  test('mirrors to a Service called like the canary are refused, others are not', () => {
    const mirrored = (mirror: Fields): KubeObject => virtualService([{ route: [to('app')], ...mirror }]);
    for (const mirror of [{ mirror: { host: 'app-canary' } }, { mirrors: [{ destination: { host: 'x' } }, { destination: { host: 'app-canary.prod.svc.cluster.local' } }] }])
      expect(router.check(mirrored(mirror), sides)).toContain('spec.http[0] mirrors to the Service app-canary, which this release did not write');
    expect(router.check(mirrored({ mirror: { host: 'app' }, mirrors: [{ destination: { host: 'app-canary.staging.svc.cluster.local' } }] }), sides)).toBeUndefined();
  });

  test('tcp routes are split as well; connections that are open stay where they are', () => {
    const object = virtualService([], { tcp: [{ match: [{ port: 5432 }], route: [to('app', undefined, { port: { number: 5432 } })] }] });
    const { object: split, memory } = released(object, 25);
    expect(at(split, 'spec', 'tcp', 0, 'route')).toStrictEqual([to('app', 75, { port: { number: 5432 } }), to('app-canary', 25, { port: { number: 5432 } })]);
    expect(back(split, memory)).toStrictEqual(object);
  });

  test('the ways back test what stands there: the route by its name, the destination whole', () => {
    const plan = planned(router.plan(virtualService([{ name: 'main', route: [to('app', 100)] }]), sides, { canary: 5 }, undefined));
    expect(plan.back).toStrictEqual([
      { op: 'test', path: '/spec/http/0/name', value: 'main' },
      { op: 'test', path: '/spec/http/0/route/0/destination', value: { host: 'app' } },
      { op: 'test', path: '/spec/http/0/route/1/destination', value: { host: 'app-canary' } },
      { op: 'replace', path: '/spec/http/0/route/0/weight', value: 100 },
      { op: 'remove', path: '/spec/http/0/route/1' },
    ]);
  });

  test('a route whose stable he deleted is served by stable again, spelled as before', () => {
    const before = only('app.prod.svc.cluster.local');
    const { object, memory } = released(before, 10);
    expect(back(patched(object, [{ op: 'remove', path: '/spec/http/0/route/0' }]), memory)).toStrictEqual(before);
  });

  test('a stable whose weight he took away, which leaves everybody on the canary, gets everybody back', () => {
    const before = only('app');
    const { object, memory } = released(before, 10);
    const changed = patched(object, [{ op: 'remove', path: '/spec/http/0/route/0/weight' }]);
    expect(router.verify(changed, sides, { canary: 10 }).state).toBe('foreign');
    expect(router.observe(changed, sides)).toStrictEqual({ present: true, canary: 100, stable: 0 });
    expect(back(changed, memory)).toStrictEqual(before);
  });

  test('beside a backend of his own, too, a stable whose weight he took away gets the share of the pair', () => {
    const { object, memory } = released(virtualService([{ route: [to('legacy', 75), to('app', 25)] }]), 10);
    const changed = patched(object, [{ op: 'remove', path: '/spec/http/0/route/1/weight' }]);
    expect(back(changed, memory)).toStrictEqual(virtualService([{ route: [to('legacy', 300), to('app', 100)] }]));
  });

  test('routes of http and tcp that have neither name nor match are known apart', () => {
    const before = virtualService([{ route: [to('app', 30), to('a', 70)] }], { tcp: [{ route: [to('app', 20), to('b', 80)] }] });
    const { object, memory } = released(before, 10);
    const changed = patched(object, [{ op: 'remove', path: '/spec/http/0' }]);
    expect(back(changed, memory)).toStrictEqual(virtualService([], { tcp: [{ route: [to('app', 20), to('b', 80)] }] }));
  });
});

describe('a Contour HTTPProxy', () => {
  const router = routerOf('HTTPProxy');
  const proxy = (routes: readonly Json[], rest: Fields = {}): KubeObject => made('projectcontour.io/v1', 'HTTPProxy', { virtualhost: { fqdn: 'app.example.com' }, routes }, rest);
  const stable: Json = { name: 'app', port: 80 };
  const status = (valid: Fields): Fields => ({ status: { currentStatus: 'x', conditions: [{ type: 'Valid', observedGeneration: 4, ...valid } as Json] } });
  const valid = status({ status: 'True', reason: 'Valid' });
  const invalid = status({ status: 'False', reason: 'ErrorPresent', message: 'see Errors', errors: [{ type: 'ServiceError', reason: 'ServiceUnresolvedReference', message: 'Service "prod/x" not found' }] });

  test('a dying canary takes its own share alone', () => {
    expect(router.capabilities(proxy([]))).toStrictEqual({ fragile: false, lagMs: 1000, sticky: false });
  });

  test('services without any weight share evenly, and so they do again afterwards', () => {
    const object = proxy([{ services: [stable, { name: 'legacy', port: 80 }] }]);
    expect(router.observe(object, sides)).toStrictEqual({ present: false, canary: 0, stable: 100 });
    const { object: split, memory } = released(object, 10);
    expect(at(split, 'spec', 'routes', 0, 'services')).toStrictEqual([{ ...(stable as Fields), weight: 90 }, { name: 'legacy', port: 80, weight: 100 }, { name: 'app-canary', port: 80, weight: 10 }]);
    expect(back(split, memory)).toStrictEqual(object);
  });

  test('weights that are all 0 share evenly too; one above 0 takes all', () => {
    expect(router.check(proxy([{ services: [{ ...(stable as Fields), weight: 0 }, { name: 'legacy', port: 80, weight: 0 }] }]), sides)).toBeUndefined();
    expect(router.check(proxy([{ services: [stable, { name: 'legacy', port: 80, weight: 1 }] }]), sides)).toContain('gives the stable Service app weight 0');
    const object = proxy([{ services: [{ ...(stable as Fields), weight: 0 }, { name: 'app-canary', port: 80 }] }]);
    expect(router.observe(object, sides)).toStrictEqual({ present: true, canary: 50, stable: 50 });
  });

  test('mirrors are no part of the split; one to a Service called like the canary is refused', () => {
    const mirror: Json = { name: 'app', port: 80, mirror: true, weight: 5 };
    const object = proxy([{ services: [mirror, stable] }]);
    expect(router.check(object, sides)).toBeUndefined();
    const { object: split, memory } = released(object, 100);
    expect(at(split, 'spec', 'routes', 0, 'services')).toStrictEqual([mirror, { ...(stable as Fields), weight: 0 }, { name: 'app-canary', port: 80, weight: 100 }]);
    expect(back(split, memory)).toStrictEqual(object);
    expect(router.check(proxy([{ services: [stable, { name: 'app-canary', port: 80, mirror: true }] }]), sides)).toContain('spec.routes[0].services mirrors to the Service app-canary');
    expect(router.check(proxy([{ services: [mirror] }]), sides)).toContain('no rule names the stable Service prod/app; found no backends');
  });

  test('two ports of stable in one route, and the Service of another namespace, are refused', () => {
    expect(router.check(proxy([{ services: [stable, { name: 'app', port: 81 }] }]), sides)).toContain('names the stable Service app 2 times');
    const object = proxy([{ services: [stable] }]);
    expect(router.check({ ...object, metadata: { ...object.metadata, namespace: 'edge' } }, sides)).toContain('no rule names the stable Service prod/app; found Service app');
  });

  test('one that only includes others is not the one to name', () => {
    expect(router.check(made('projectcontour.io/v1', 'HTTPProxy', { virtualhost: { fqdn: 'x' }, includes: [{ name: 'app' }] }), sides)).toContain('found no backends');
  });

  test('what Contour says of this generation decides before a release and after a write', () => {
    expect(router.check(proxy([{ services: [stable] }], valid), sides)).toBeUndefined();
    expect(router.check(proxy([{ services: [stable] }], invalid), sides)).toContain('Contour says Valid=False (ErrorPresent: see Errors): ServiceUnresolvedReference: Service "prod/x" not found');
    const split = [{ services: [{ ...(stable as Fields), weight: 90 }, { name: 'app-canary', port: 80, weight: 10 }] }];
    const verified = (rest: Fields) => router.verify(proxy(split, rest), sides, { canary: 10 });
    expect(verified(valid)).toStrictEqual({ state: 'inEffect' });
    expect(verified(invalid)).toMatchObject({ state: 'notYet', reason: expect.stringContaining('ServiceUnresolvedReference') });
    expect(verified(status({ status: 'True', observedGeneration: 3 }))).toStrictEqual({ state: 'notYet', reason: 'Contour has condition Valid of generation 3, the object is at 4' });
    expect(verified({})).toStrictEqual({ state: 'notYet', reason: 'Contour has condition Valid of generation none, the object is at 4' });
  });

  test('on the way back it is enough that Contour has seen it', () => {
    const given = (rest: Fields) => router.verify(proxy([{ services: [stable] }], rest), sides, null);
    expect(given(invalid)).toStrictEqual({ state: 'inEffect' });
    expect(given(status({ status: 'False', observedGeneration: 3 })).state).toBe('notYet');
  });

  test('an invalid one of an earlier generation may have been mended since', () => {
    expect(router.check(proxy([{ services: [stable] }], status({ status: 'False', observedGeneration: 3 })), sides)).toBeUndefined();
  });
});

describe('a GRPCRoute', () => {
  const router = routerOf('GRPCRoute');
  const grpcRoute = (rules: readonly Json[], rest: Fields = {}): KubeObject => made('gateway.networking.k8s.io/v1', 'GRPCRoute', { parentRefs: [{ name: 'gw' }], rules }, rest);
  const stable: Json = { name: 'app', port: 9090 };
  const parents = (observedGeneration: number, resolved: 'True' | 'False'): Fields => ({
    status: {
      parents: [
        {
          parentRef: { name: 'gw' },
          conditions: [
            { type: 'Accepted', status: 'True', observedGeneration },
            { type: 'ResolvedRefs', status: resolved, observedGeneration, reason: resolved === 'True' ? 'ResolvedRefs' : 'BackendNotFound' },
          ],
        },
      ],
    },
  });

  test('has the limits of an HTTPRoute', () => {
    expect(router.capabilities(grpcRoute([]))).toStrictEqual(routerOf('HTTPRoute').capabilities(grpcRoute([])));
    expect(router.check(grpcRoute([{ backendRefs: [stable] }]), sides)).toBeUndefined();
    expect(router.check({ ...grpcRoute([{ backendRefs: [stable] }]), kind: 'HTTPRoute' }, sides)).toContain('it is HTTPRoute of');
    expect(router.check(grpcRoute([{ backendRefs: [stable], sessionPersistence: { type: 'Header' } }]), sides)).toContain('spec.rules[0].sessionPersistence keeps users');
    expect(router.check(grpcRoute([{ backendRefs: [{ ...(stable as Fields), namespace: 'staging' }] }]), sides)).toContain('found Service app');
  });

  test('each parent must have taken the write', () => {
    const split = [{ backendRefs: [{ ...(stable as Fields), weight: 90 }, { name: 'app-canary', port: 9090, weight: 10 }] }];
    const verified = (rest: Fields) => router.verify(grpcRoute(split, rest), sides, { canary: 10 });
    expect(verified(parents(4, 'True'))).toStrictEqual({ state: 'inEffect' });
    expect(verified(parents(3, 'True'))).toStrictEqual({ state: 'notYet', reason: 'parent gw has Accepted of generation 3, the object is at 4' });
    expect(verified(parents(4, 'False'))).toStrictEqual({ state: 'notYet', reason: 'parent gw says ResolvedRefs=False (BackendNotFound)' });
  });
});
