import { readFileSync, readdirSync } from 'node:fs';
import { applyPatch } from 'rfc6902';
import type { Operation } from 'rfc6902';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';
import { markName, pointerOf, stampName } from '../infra/routing/annotations.ts';
import { armedWrite, cleanOps, forwardWrite, restoreOps, slowRestore } from '../infra/routing/armed.ts';
import type { Write } from '../infra/routing/armed.ts';
import type { RoutePlan, Router, Sides } from '../infra/routing/port.ts';
import { routerKinds, routerOf } from '../infra/routing/routers.ts';
import type { JsonPatchOp } from '../statemachines/document.ts';

type Fields = Readonly<Record<string, Json | undefined>>;

const sides: Sides = { namespace: 'prod', stable: 'app', canary: 'app-canary' };
const marks = { rollout: 'demo', release: 'demo-7' };
const ref = { apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', namespace: 'prod', name: 'app' };

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

const opsOf = (write: Write): readonly JsonPatchOp[] => {
  if (!write.ok) throw new Error(write.problem);
  return write.ops;
};

const problemOf = (result: RoutePlan | Write): string => (result.ok ? 'no problem' : result.problem);

const ingressRoute = (routes: readonly Json[], metadata: Fields = {}): KubeObject => ({
  apiVersion: 'traefik.io/v1alpha1',
  kind: 'IngressRoute',
  metadata: { name: 'app', namespace: 'prod', resourceVersion: '1', ...metadata },
  spec: { routes },
});

const rule = (services: readonly Json[], match = 'Host(`app.example.com`)'): Json => ({ kind: 'Rule', match, services });

const httpRoute = (rules: readonly Json[], status?: Json, metadata: Fields = {}): KubeObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'app', namespace: 'prod', resourceVersion: '1', generation: 4, ...metadata },
  spec: { parentRefs: [{ name: 'gw' }, { name: 'gw2', sectionName: 'web' }], rules },
  ...(status === undefined ? {} : { status }),
});

const traefikService = (spec: Json): KubeObject => ({
  apiVersion: 'traefik.io/v1alpha1',
  kind: 'TraefikService',
  metadata: { name: 'app', namespace: 'prod', resourceVersion: '1' },
  spec,
});

const traefik = routerOf('IngressRoute');
const gateway = routerOf('HTTPRoute');
const weighted = routerOf('TraefikService');
const plain = ingressRoute([rule([{ name: 'app', port: 80 }])]);

const servicesOf = (object: KubeObject, route = 0): Json => {
  const { routes } = object['spec'] as { routes: { services: Json }[] };
  return routes[route]?.services ?? null;
};

/** The object and the memory after the release went to `canary` percent. */
const released = (router: Router, object: KubeObject, canary: number): { object: KubeObject; memory: Json } => {
  const plan = planned(router.plan(object, sides, { canary }, undefined));
  return { object: patched(object, plan.ops), memory: plan.memory };
};

describe('golden routes', () => {
  const folder = new URL('fixtures/routes/', import.meta.url);
  for (const file of readdirSync(folder)) {
    test(`${file}: each step is as written there, and both ways back end where the user began`, () => {
      const golden = parse(readFileSync(new URL(file, folder), 'utf8')) as {
        sides: Sides;
        before: KubeObject;
        steps: { canary: number; spec: Json }[];
      };
      const router = routerOf(golden.before.kind);
      expect(router.check(golden.before, golden.sides)).toBeUndefined();
      let object = golden.before;
      let memory: Json | undefined;
      for (const { canary, spec } of golden.steps) {
        const plan = planned(router.plan(object, golden.sides, { canary }, memory));
        object = patched(object, plan.ops);
        memory = plan.memory;
        expect(object['spec']).toStrictEqual(spec);
        expect({ ...object, spec: null }).toStrictEqual({ ...golden.before, spec: null });
        expect(patched(object, plan.back)).toStrictEqual(golden.before);
        expect(patched(object, planned(router.plan(object, golden.sides, null, memory)).ops)).toStrictEqual(golden.before);
        expect(router.observe(object, golden.sides)).toStrictEqual({ present: true, canary, stable: 100 - canary });
      }
      expect(golden.steps.length).toBeGreaterThan(0);
    });
  }

  test('the operations of a first step, letter by letter', () => {
    const object = ingressRoute([rule([{ name: 'app', port: 80, weight: 1 }])]);
    const plan = planned(traefik.plan(object, sides, { canary: 25 }, undefined));
    expect(plan.ops).toStrictEqual([
      { op: 'replace', path: '/spec/routes/0/services/0/weight', value: 75 },
      { op: 'add', path: '/spec/routes/0/services/-', value: { name: 'app-canary', port: 80, weight: 25 } },
    ]);
    expect(plan.back).toStrictEqual([
      { op: 'test', path: '/spec/routes/0/match', value: 'Host(`app.example.com`)' },
      { op: 'test', path: '/spec/routes/0/services/0/name', value: 'app' },
      { op: 'test', path: '/spec/routes/0/services/0/port', value: 80 },
      { op: 'test', path: '/spec/routes/0/services/1/name', value: 'app-canary' },
      { op: 'test', path: '/spec/routes/0/services/1/port', value: 80 },
      { op: 'replace', path: '/spec/routes/0/services/0/weight', value: 1 },
      { op: 'remove', path: '/spec/routes/0/services/1' },
    ]);
  });

  test('nothing is written for an object that never had our entries', () => {
    const plan = planned(traefik.plan(plain, sides, null, undefined));
    expect([plan.ops, plan.back]).toStrictEqual([[], []]);
  });
});

describe('the table of routers', () => {
  test('an unknown kind is answered with the kinds there are', () => {
    expect(routerKinds).toStrictEqual(['IngressRoute', 'TraefikService', 'HTTPRoute', 'GRPCRoute', 'VirtualService', 'HTTPProxy']);
    expect(() => routerOf('Ingress')).toThrow('no router for objects of kind "Ingress"; allowed are IngressRoute, TraefikService, HTTPRoute, GRPCRoute, VirtualService, HTTPProxy');
  });

  test('a dying canary takes stable down behind the kinds of Traefik, and only its share behind the Gateway API', () => {
    expect(traefik.capabilities(plain)).toStrictEqual({ fragile: true, lagMs: 3000, sticky: false });
    expect(weighted.capabilities(plain).fragile).toBe(true);
    expect(gateway.capabilities(plain)).toStrictEqual({ fragile: false, lagMs: 3000, sticky: false });
  });
});

describe('objects that are refused', () => {
  const stable = { name: 'app', port: 80 };
  const cases: readonly [string, Router, KubeObject, string][] = [
    ['another API version', traefik, { ...plain, apiVersion: 'traefik.io/v2' }, 'it is IngressRoute of traefik.io/v2; allowed is IngressRoute of traefik.io/v1alpha1 or traefik.containo.us/v1alpha1'],
    ['one being deleted', traefik, ingressRoute([rule([stable])], { deletionTimestamp: '2026-11-21T00:00:00Z' }), 'it is being deleted'],
    [
      'no rule with stable',
      traefik,
      ingressRoute([rule([{ name: 'web', port: 80 }, { name: 'app', kind: 'TraefikService' }, { name: 'app', namespace: 'staging' }])]),
      'no rule names the stable Service prod/app; found Service web, TraefikService app, Service app; allowed are objects of kind IngressRoute that name it directly',
    ],
    ['rules without services', traefik, ingressRoute([{ kind: 'Rule', match: 'Host(`x`)' }]), 'found no backends'],
    ['no spec at all', traefik, { ...plain, spec: null }, 'found no backends'],
    ['stable at weight 0', traefik, ingressRoute([rule([{ ...stable, weight: 0 }])]), 'gives the stable Service app weight 0'],
    ['a canary somebody wrote', traefik, ingressRoute([rule([stable]), rule([{ name: 'app-canary', port: 80 }], 'Host(`b`)')]), 'spec.routes[1].services names the Service app-canary already'],
    ['stable twice in a rule', traefik, ingressRoute([rule([stable, { name: 'app', port: 81 }])]), 'names the stable Service app 2 times; allowed is once a rule'],
    ['a weight that is no number', traefik, ingressRoute([rule([stable, { name: 'x', weight: '5' }])]), 'spec.routes[0].services[1].weight is "5"; allowed is a whole number from 0 up'],
    ['a negative weight', traefik, ingressRoute([rule([stable, { name: 'x', weight: -5 }])]), 'weight is -5'],
    ['Argo Rollouts', traefik, ingressRoute([rule([stable])], { annotations: { 'rollouts.argoproj.io/managed-by': 'x' } }), 'managed by Argo Rollouts (rollouts.argoproj.io/managed-by)'],
    ['Argo Rollouts by label', gateway, httpRoute([{ backendRefs: [stable] }], undefined, { labels: { 'rollouts.argoproj.io/gatewayapi-canary': 'in-progress' } }), 'managed by Argo Rollouts'],
    ['Flagger', traefik, ingressRoute([rule([stable])], { ownerReferences: [{ apiVersion: 'flagger.app/v1beta1', kind: 'Canary', name: 'app' }] }), 'managed by Flagger (owner Canary app)'],
    ['Kruise', gateway, httpRoute([{ backendRefs: [stable] }], undefined, { annotations: { 'rollouts.kruise.io/original-spec-configuration': '{}' } }), 'managed by OpenKruise Rollouts'],
    ['a mirroring TraefikService', weighted, traefikService({ mirroring: { name: 'app' } }), 'it is a TraefikService of type mirroring; allowed is weighted'],
    ['a hashing TraefikService', weighted, traefikService({ highestRandomWeight: { services: [stable] } }), 'type highestRandomWeight; allowed is weighted'],
    ['an empty TraefikService', weighted, traefikService({}), 'type (none)'],
    ['users pinned to versions', weighted, traefikService({ weighted: { sticky: { cookie: {} }, services: [stable] } }), 'spec.weighted.sticky pins users to a version'],
    ['no room for one more', gateway, httpRoute([{ backendRefs: [stable, ...Array.from({ length: 15 }, (_, i) => ({ name: `b${i}`, port: 80 }))] }]), 'spec.rules[0].backendRefs has 16 backends and no room for the canary\'s; allowed are 16 in all'],
    ['weights that cannot be scaled', gateway, httpRoute([{ backendRefs: [{ ...stable, weight: 9999 }, { name: 'x', weight: 10_001 }] }]), 'would need a weight of 1000100; allowed is up to 1000000'],
    ['a Service of another group', gateway, httpRoute([{ backendRefs: [{ group: 'example.com', kind: 'Service', name: 'app', port: 80 }] }]), 'no rule names the stable Service prod/app; found Service app'],
    ['sessions', gateway, httpRoute([{ sessionPersistence: { type: 'Cookie' }, backendRefs: [stable] }]), 'spec.rules[0].sessionPersistence keeps users on the backend they met'],
    ['backends in another namespace', gateway, httpRoute([{ backendRefs: [{ ...stable, namespace: 'prod' }] }], undefined, { namespace: 'edge' }), 'its backends are in namespace prod; allowed is the namespace of the route'],
  ];
  for (const [name, router, object, sentence] of cases) {
    test(name, () => {
      expect(router.check(object, sides)).toContain(`${object.kind} ${object.metadata.namespace}/app: `);
      expect(router.check(object, sides)).toContain(sentence);
      expect(problemOf(router.plan(object, sides, { canary: 10 }, undefined))).toBe(router.check(object, sides));
    });
  }

  test('a cookie that pins pods inside the stable Service may stay', () => {
    const object = traefikService({ weighted: { services: [{ name: 'app', port: 80, sticky: { cookie: { name: 'pod' } } }] } });
    expect(weighted.check(object, sides)).toBeUndefined();
  });

  test('an IngressRoute may name the stable Service of another namespace', () => {
    const object = ingressRoute([rule([{ name: 'app', namespace: 'prod', port: 80 }])], { namespace: 'edge' });
    expect(traefik.check(object, sides)).toBeUndefined();
    expect(servicesOf(released(traefik, object, 10).object)).toStrictEqual([
      { name: 'app', namespace: 'prod', port: 80, weight: 90 },
      { name: 'app-canary', namespace: 'prod', port: 80, weight: 10 },
    ]);
  });

  test('a share that is no whole percent, and a memory that is none', () => {
    expect(problemOf(traefik.plan(plain, sides, { canary: 12.5 }, undefined))).toContain("the canary's share is 12.5; allowed is a whole number from 0 to 100");
    expect(problemOf(traefik.plan(plain, sides, { canary: 101 }, undefined))).toContain('is 101');
    expect(problemOf(traefik.plan(plain, sides, { canary: 1 }, { places: 3 }))).toContain('memory of its plan is unreadable');
  });

  test('entries of the canary that this release did not write are not taken out by a release that has no memory', () => {
    const { object } = released(traefik, plain, 10);
    expect(problemOf(traefik.plan(object, sides, null, undefined))).toContain('names the Service app-canary, which this release did not write');
  });
});

describe('what somebody changed during the release', () => {
  const back = (object: KubeObject, memory: Json): KubeObject => patched(object, planned(traefik.plan(object, sides, null, memory)).ops);
  const set = (object: KubeObject, path: string, value: Json): KubeObject => patched(object, [{ op: 'replace', path, value }]);
  const first = '/spec/routes/0/services/0';
  const second = '/spec/routes/0/services/1';

  test('a weight of stable that he chose stays, and verify says so', () => {
    const { object, memory } = released(traefik, plain, 10);
    const changed = set(object, `${first}/weight`, 70);
    expect(traefik.verify(changed, sides, { canary: 10 })).toStrictEqual({
      state: 'foreign',
      reason: 'spec.routes[0].services has the weights app 70, app-canary 10; 10 % was written',
    });
    expect(servicesOf(back(changed, memory))).toStrictEqual([{ name: 'app', port: 80, weight: 70 }]);
  });

  test('a stable that he gave weight 0 does not stay without users', () => {
    const { object, memory } = released(traefik, plain, 10);
    expect(servicesOf(back(set(object, `${first}/weight`, 0), memory))).toStrictEqual([{ name: 'app', port: 80, weight: 100 }]);
  });

  test('a canary that he turned off leaves no trace', () => {
    const { object, memory } = released(traefik, plain, 10);
    const changed = set(object, `${second}/weight`, 0);
    expect(traefik.verify(changed, sides, { canary: 10 }).state).toBe('foreign');
    expect(back(changed, memory)).toStrictEqual(plain);
  });

  test('his manifest applied anew is left as it is', () => {
    const { memory } = released(traefik, plain, 10);
    expect(traefik.verify(plain, sides, { canary: 10 })).toStrictEqual({
      state: 'foreign',
      reason: 'spec.routes[0].services has no entry of the canary Service app-canary',
    });
    expect(planned(traefik.plan(plain, sides, null, memory)).ops).toStrictEqual([]);
  });

  test('a backend that he added keeps the share that he saw', () => {
    const { object, memory } = released(traefik, plain, 10);
    const changed = patched(object, [{ op: 'add', path: '/spec/routes/0/services/0', value: { name: 'new', port: 80, weight: 25 } }]);
    expect(servicesOf(back(changed, memory))).toStrictEqual([
      { name: 'new', port: 80, weight: 25 },
      { name: 'app', port: 80, weight: 100 },
    ]);
  });

  test('a rule whose stable he deleted is served by stable again, for the canary goes', () => {
    const { object, memory } = released(traefik, plain, 10);
    const changed = patched(object, [{ op: 'remove', path: first }]);
    expect(traefik.verify(changed, sides, { canary: 10 }).state).toBe('foreign');
    expect(problemOf(traefik.plan(changed, sides, { canary: 20 }, memory))).toContain('names the stable Service app 0 times');
    expect(back(changed, memory)).toStrictEqual(plain);
  });

  test('a rule that he copied with our entry in it gives stable the whole share', () => {
    const { object, memory } = released(traefik, plain, 10);
    const copy = rule(servicesOf(object) as readonly Json[], 'Host(`copy`)');
    const changed = patched(object, [{ op: 'add', path: '/spec/routes/0', value: copy }]);
    expect(problemOf(traefik.plan(changed, sides, { canary: 20 }, memory))).toContain('spec.routes[0].services names the Service app-canary, which this release did not write');
    const restored = back(changed, memory);
    expect(servicesOf(restored, 0)).toStrictEqual([{ name: 'app', port: 80, weight: 100 }]);
    expect(servicesOf(restored, 1)).toStrictEqual([{ name: 'app', port: 80 }]);
  });

  test('a rule whose match he changed is still known', () => {
    const { object, memory } = released(traefik, plain, 10);
    const changed = set(object, '/spec/routes/0/match', 'Host(`renamed`)');
    expect(back(changed, memory)).toStrictEqual(ingressRoute([rule([{ name: 'app', port: 80 }], 'Host(`renamed`)')]));
    const next = planned(traefik.plan(changed, sides, { canary: 20 }, memory));
    expect(patched(patched(changed, next.ops), next.back)).toStrictEqual(back(changed, memory));
  });

  test('a weight that he gave a backend of his own in a scaled rule stays', () => {
    const shared = ingressRoute([rule([{ name: 'app', port: 80, weight: 30 }, { name: 'legacy', port: 80, weight: 70 }])]);
    const { object, memory } = released(traefik, shared, 10);
    const changed = set(object, `${second}/weight`, 900);
    const next = planned(traefik.plan(changed, sides, { canary: 50 }, memory));
    const legacy = { name: 'legacy', port: 80, weight: 900 };
    expect(servicesOf(patched(changed, next.ops))).toStrictEqual([{ name: 'app', port: 80, weight: 150 }, legacy, { name: 'app-canary', port: 80, weight: 150 }]);
    expect(servicesOf(back(changed, memory))).toStrictEqual([{ name: 'app', port: 80, weight: 300 }, legacy]);
  });

  test('a rule of stable that he added joins the next step and is given back too', () => {
    const { object, memory } = released(traefik, plain, 10);
    const added = rule([{ name: 'app', port: 80 }], 'Host(`late`)');
    const changed = patched(object, [{ op: 'add', path: '/spec/routes/0', value: added }]);
    const next = planned(traefik.plan(changed, sides, { canary: 20 }, memory));
    const after = patched(changed, next.ops);
    expect(traefik.verify(after, sides, { canary: 20 })).toStrictEqual({ state: 'inEffect' });
    const both = ingressRoute([added, rule([{ name: 'app', port: 80 }])]);
    expect(patched(after, next.back)).toStrictEqual(both);
    expect(back(after, next.memory)).toStrictEqual(both);
  });

  test('our entry, copied within its rule, is taken out each time', () => {
    const { object, memory } = released(traefik, plain, 10);
    const copied = patched(object, [
      { op: 'add', path: '/spec/routes/0/services/0', value: { name: 'app-canary', port: 80, weight: 10 } },
      { op: 'add', path: '/spec/routes/0/services/0', value: { name: 'app-canary', port: 81, weight: 10 } },
    ]);
    expect(problemOf(traefik.plan(copied, sides, { canary: 20 }, memory))).toContain('names the canary Service app-canary 3 times');
    expect(back(copied, memory)).toStrictEqual(plain);
  });

  test('our entry taken out and a backend added beside stable are left as they are', () => {
    const { object, memory } = released(traefik, plain, 10);
    const changed = set(object, second, { name: 'new', port: 80, weight: 30 });
    expect(planned(traefik.plan(changed, sides, null, memory)).ops).toStrictEqual([]);
  });

  test('rules with one and the same match keep their own weights apart', () => {
    const twins = ingressRoute([rule([{ name: 'app', port: 80, weight: 3 }]), rule([{ name: 'app', port: 81 }])]);
    const { object, memory } = released(traefik, twins, 10);
    expect(back(object, memory)).toStrictEqual(twins);
  });

  test('a plan that was made and never written does not hide what was written before it', () => {
    const { object, memory } = released(traefik, plain, 10);
    const unwritten = planned(traefik.plan(object, sides, { canary: 60 }, memory));
    expect(back(object, unwritten.memory)).toStrictEqual(plain);
  });

  describe('in a rule whose weights had to be scaled', () => {
    const shared = ingressRoute([rule([{ name: 'app', port: 80, weight: 30 }, { name: 'legacy', port: 80, weight: 70 }])]);
    const { object, memory } = released(traefik, shared, 10);

    test('weights that were put back to what they had been count as ours', () => {
      expect(back(set(object, `${first}/weight`, 30), memory)).toStrictEqual(shared);
      expect(back(set(object, `${second}/weight`, 70), memory)).toStrictEqual(shared);
    });

    test('a copy of it keeps its own ratio', () => {
      const copy = rule(servicesOf(object) as readonly Json[], 'Host(`copy`)');
      const restored = back(patched(object, [{ op: 'add', path: '/spec/routes/-', value: copy }]), memory);
      expect(servicesOf(restored, 1)).toStrictEqual([{ name: 'app', port: 80, weight: 300 }, { name: 'legacy', port: 80, weight: 700 }]);
      expect(servicesOf(restored, 0)).toStrictEqual(servicesOf(shared));
    });
  });

  test('a copied rule with no weight at all does not leave stable without users', () => {
    const { object, memory } = released(traefik, plain, 10);
    const copy = rule([{ name: 'app', weight: 0 }, { name: 'app-canary', weight: 0 }], 'Host(`copy`)');
    const restored = back(patched(object, [{ op: 'add', path: '/spec/routes/-', value: copy }]), memory);
    expect(servicesOf(restored, 1)).toStrictEqual([{ name: 'app', weight: 100 }]);
  });

  describe('a rule that goes and comes back', () => {
    const two = ingressRoute([rule([{ name: 'app', port: 80, weight: 3 }]), rule([{ name: 'app', port: 80 }], 'Host(`b`)')]);
    const { object, memory } = released(traefik, two, 10);

    test('is still known', () => {
      const gone = patched(object, [{ op: 'remove', path: '/spec/routes/0' }]);
      const next = planned(traefik.plan(gone, sides, { canary: 20 }, memory));
      const again = patched(patched(gone, next.ops), [{ op: 'add', path: '/spec/routes/0', value: rule(servicesOf(object) as readonly Json[]) }]);
      expect(back(again, next.memory)).toStrictEqual(two);
    });

    test('is still known when only its backends went', () => {
      const empty = set(object, '/spec/routes/0/services', [{ name: 'x' }]);
      const next = planned(traefik.plan(empty, sides, { canary: 20 }, memory));
      const again = set(patched(empty, next.ops), '/spec/routes/0/services', servicesOf(object));
      expect(back(again, next.memory)).toStrictEqual(two);
    });
  });

  test('a rule that was renamed is known by its new match, even when another one takes the old', () => {
    const { object, memory } = released(traefik, plain, 10);
    const renamed = set(object, '/spec/routes/0/match', 'Host(`renamed`)');
    const next = planned(traefik.plan(renamed, sides, { canary: 20 }, memory));
    const another = rule([{ name: 'x', port: 80 }]);
    const changed = patched(patched(renamed, next.ops), [{ op: 'add', path: '/spec/routes/0', value: another }]);
    expect(back(changed, next.memory)).toStrictEqual(ingressRoute([another, rule([{ name: 'app', port: 80 }], 'Host(`renamed`)')]));
  });

  test('a rule of his own that sends users to the canary is reported', () => {
    const { object } = released(traefik, plain, 10);
    const changed = patched(object, [{ op: 'add', path: '/spec/routes/-', value: rule([{ name: 'app-canary', port: 80 }], 'Host(`b`)') }]);
    expect(traefik.verify(changed, sides, { canary: 10 })).toStrictEqual({
      state: 'foreign',
      reason: 'spec.routes[1].services names app-canary without the stable Service app',
    });
  });

  test('a pair without any weight is in no share at all', () => {
    const { object } = released(traefik, plain, 10);
    expect(traefik.verify(set(set(object, `${first}/weight`, 0), `${second}/weight`, 0), sides, { canary: 10 }).state).toBe('foreign');
  });

  test('an entry that names the canary after the release is reported', () => {
    const { object } = released(traefik, plain, 10);
    expect(traefik.verify(object, sides, null)).toStrictEqual({ state: 'foreign', reason: 'spec.routes[0].services names the canary Service app-canary' });
    expect(traefik.verify(plain, sides, null)).toStrictEqual({ state: 'inEffect' });
  });

  test('a stable that is gone altogether is reported', () => {
    expect(traefik.verify(ingressRoute([]), sides, { canary: 10 })).toStrictEqual({ state: 'foreign', reason: 'no rule names the stable Service prod/app any more' });
  });
});

describe('what a router reads', () => {
  test('a missing weight is 1', () => {
    const object = ingressRoute([rule([{ name: 'app', weight: 3 }, { name: 'app-canary' }, { name: 'x', weight: 50 }])]);
    expect(traefik.observe(object, sides)).toStrictEqual({ present: true, canary: 25, stable: 75 });
  });

  test('where rules disagree, the one that shows the canary to most', () => {
    const two = (weight: number): Json => rule([{ name: 'app', weight: 100 - weight }, { name: 'app-canary', weight }], `Host(\`${weight}\`)`);
    expect(traefik.observe(ingressRoute([two(5), two(60), two(0)]), sides)).toStrictEqual({ present: true, canary: 60, stable: 40 });
  });

  test('entries that are gone', () => {
    expect(traefik.observe(plain, sides)).toStrictEqual({ present: false, canary: 0, stable: 100 });
    expect(traefik.observe(ingressRoute([]), sides)).toStrictEqual({ present: false, canary: 0, stable: 0 });
  });
});

describe('the status of an HTTPRoute', () => {
  const condition = (type: string, status: string, observedGeneration: number, reason = type): Json => ({ type, status, observedGeneration, reason, message: '' });
  const parent = (name: string, sectionName: string | undefined, conditions: readonly Json[]): Json => ({
    parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name, ...(sectionName === undefined ? {} : { sectionName }) },
    controllerName: 'example.com/gateway',
    conditions,
  });
  const good = [condition('Accepted', 'True', 4), condition('ResolvedRefs', 'True', 4)];
  const rules = [{ backendRefs: [{ name: 'app', port: 80, weight: 90 }, { name: 'app-canary', port: 80, weight: 10 }] }];
  const verified = (parents: readonly Json[]) => gateway.verify(httpRoute(rules, { parents }), sides, { canary: 10 });
  const back = (parents: readonly Json[]) => gateway.verify(httpRoute([{ backendRefs: [{ name: 'app', port: 80 }] }], { parents }), sides, null);

  test('every parent has taken this generation', () => {
    expect(verified([parent('gw', undefined, good), parent('gw2', 'web', good)])).toStrictEqual({ state: 'inEffect' });
  });

  test('what a parent says of a later generation counts for this one', () => {
    expect(verified([parent('gw', undefined, [condition('Accepted', 'True', 5), condition('ResolvedRefs', 'True', 5)])])).toStrictEqual({ state: 'inEffect' });
  });

  test('one parent is a generation behind', () => {
    expect(verified([parent('gw', undefined, good), parent('gw2', 'web', [condition('Accepted', 'True', 4), condition('ResolvedRefs', 'True', 3)])])).toStrictEqual({
      state: 'notYet',
      reason: 'parent gw2 has ResolvedRefs of generation 3, the object is at 4',
    });
  });

  test('a condition is missing, or nobody has reported', () => {
    expect(verified([parent('gw', undefined, [condition('Accepted', 'True', 4)])])).toStrictEqual({
      state: 'notYet',
      reason: 'parent gw has ResolvedRefs of generation none, the object is at 4',
    });
    expect(verified([]).state).toBe('notYet');
    expect(gateway.verify(httpRoute(rules), sides, { canary: 10 }).state).toBe('notYet');
  });

  test('a reference does not resolve: the reason says which', () => {
    const broken = [parent('gw', undefined, [condition('Accepted', 'True', 4), condition('ResolvedRefs', 'False', 4, 'BackendNotFound')])];
    expect(verified(broken)).toStrictEqual({ state: 'notYet', reason: 'parent gw says ResolvedRefs=False (BackendNotFound)' });
    expect(gateway.check(httpRoute([{ backendRefs: [{ name: 'app', port: 80 }] }], { parents: broken }), sides)).toContain('ResolvedRefs=False (BackendNotFound)');
  });

  test('on the way back it is enough that the parents have seen it', () => {
    const broken = [condition('Accepted', 'True', 4), condition('ResolvedRefs', 'False', 4, 'BackendNotFound')];
    expect(back([parent('gw', undefined, broken)])).toStrictEqual({ state: 'inEffect' });
    expect(back([parent('gw', undefined, [condition('Accepted', 'True', 3), condition('ResolvedRefs', 'True', 3)])]).state).toBe('notYet');
  });

  test('parents that the route names no longer are not waited for', () => {
    expect(verified([parent('gw', undefined, good), parent('gone', undefined, [condition('Accepted', 'True', 1)])])).toStrictEqual({ state: 'inEffect' });
  });

  test('weights that are not as written come before any status', () => {
    expect(gateway.verify(httpRoute(rules, { parents: [parent('gw', undefined, good)] }), sides, { canary: 20 }).state).toBe('foreign');
  });
});

describe('marks, stamps and the armed write', () => {
  const plan = planned(traefik.plan(plain, sides, { canary: 10 }, undefined));
  const forward = opsOf(forwardWrite(plain, plan, marks, '3/0'));
  const marked = patched(plain, forward);
  const armed = armedWrite('main', ref, plan, marks);

  test('a forward write bears mark, stamp and the resourceVersion it was made from', () => {
    expect(forward).toStrictEqual([
      ...plan.ops,
      { op: 'add', path: '/metadata/annotations', value: { 'sluice.dev/demo': 'demo-7', 'sluice.dev/demo-write': '3/0' } },
      { op: 'replace', path: '/metadata/resourceVersion', value: '1' },
    ]);
    const annotated = ingressRoute([rule([{ name: 'app', port: 80 }])], { annotations: { 'a/b': 'c' } });
    expect(opsOf(forwardWrite(annotated, plan, marks, '3/0')).slice(plan.ops.length)).toStrictEqual([
      { op: 'add', path: '/metadata/annotations/sluice.dev~1demo', value: 'demo-7' },
      { op: 'add', path: '/metadata/annotations/sluice.dev~1demo-write', value: '3/0' },
      { op: 'replace', path: '/metadata/resourceVersion', value: '1' },
    ]);
  });

  test('nothing is sent for an object that is as wanted and marked', () => {
    const same = planned(traefik.plan(marked, sides, { canary: 10 }, plan.memory));
    expect(opsOf(forwardWrite(marked, same, marks, '4/0'))).toStrictEqual([]);
    expect(opsOf(forwardWrite(plain, planned(traefik.plan(plain, sides, null, undefined)), marks, '4/0'))).toStrictEqual([]);
  });

  test('an object as wanted that lost its mark gets it again', () => {
    const bare = patched(marked, [{ op: 'remove', path: '/metadata/annotations' }]);
    const same = planned(traefik.plan(bare, sides, { canary: 10 }, plan.memory));
    expect(patched(bare, opsOf(forwardWrite(bare, same, marks, '4/0'))).metadata.annotations).toStrictEqual({ 'sluice.dev/demo': 'demo-7', 'sluice.dev/demo-write': '4/0' });
  });

  test('the armed write tests the mark first and carries no resourceVersion', () => {
    expect(armed).toStrictEqual({
      cluster: 'main',
      object: ref,
      ops: [{ op: 'test', path: '/metadata/annotations/sluice.dev~1demo', value: 'demo-7' }, ...plan.back],
      stampPath: '/metadata/annotations/sluice.dev~1demo-write',
      memory: plan.memory,
    });
    const restored = patched(marked, restoreOps(armed, '5/0'));
    expect(restored.metadata.annotations).toStrictEqual({ 'sluice.dev/demo': 'demo-7', 'sluice.dev/demo-write': '5/0' });
    expect(patched(restored, opsOf(cleanOps(restored, marks)))).toStrictEqual(plain);
  });

  test('the slow way back writes the stamp even when nothing of ours is there', () => {
    const restored = patched(plain, opsOf(slowRestore(plain, traefik, sides, plan.memory, marks, '6/0')));
    expect(restored).toStrictEqual({ ...plain, metadata: { ...plain.metadata, annotations: { 'sluice.dev/demo-write': '6/0' } } });
    expect(patched(restored, opsOf(cleanOps(restored, marks)))).toStrictEqual(plain);
  });

  test('an object in the hands of another release is named and never touched', () => {
    const other = { ...marks, release: 'demo-8' };
    for (const write of [forwardWrite(marked, plan, other, '1/0'), slowRestore(marked, traefik, sides, plan.memory, other, '1/0'), cleanOps(marked, other)]) {
      expect(problemOf(write)).toBe('IngressRoute prod/app: annotation sluice.dev/demo says that release demo-7 holds it; allowed is demo-8 or no such annotation');
    }
  });

  test("another rollout's mark keeps a release from going forward, not from going back", () => {
    const both = patched(marked, [{ op: 'add', path: '/metadata/annotations/sluice.dev~1web', value: 'web-2' }]);
    expect(problemOf(forwardWrite(both, plan, marks, '1/0'))).toContain('annotation sluice.dev/web says that web-2 holds it');
    const restored = patched(both, opsOf(slowRestore(both, traefik, sides, plan.memory, marks, '1/0')));
    expect(patched(restored, opsOf(cleanOps(restored, marks))).metadata.annotations).toStrictEqual({ 'sluice.dev/web': 'web-2' });
  });

  test('without a resourceVersion nothing is sent', () => {
    const { resourceVersion: _, ...metadata } = plain.metadata;
    expect(problemOf(forwardWrite({ ...plain, metadata }, plan, marks, '1/0'))).toContain('it has no metadata.resourceVersion');
  });

  test('annotation names are escaped in JSON pointers', () => {
    expect(pointerOf('a/b~1')).toBe('/metadata/annotations/a~1b~01');
  });

  test('long names of rollouts become short ones that stay apart', () => {
    expect(stampName('a'.repeat(57))).toBe(`sluice.dev/${'a'.repeat(57)}-write`);
    const names = [`${'a'.repeat(80)}.b`, `${'a'.repeat(80)}.c`].flatMap((rollout) => [markName(rollout), stampName(rollout)]);
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^sluice\.dev\/[a-z0-9][a-z0-9.-]{0,61}[a-z0-9]$/);
    expect(markName(`${'a'.repeat(80)}.b`)).toBe(names[0]);
  });
});
