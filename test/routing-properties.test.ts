import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import type { Operation } from 'rfc6902';
import { describe, expect, test } from 'vitest';
import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';
import { markName } from '../infra/routing/annotations.ts';
import { armedWrite, cleanOps, forwardWrite, restoreOps, slowRestore } from '../infra/routing/armed.ts';
import type { Write } from '../infra/routing/armed.ts';
import type { RoutePlan, Sides } from '../infra/routing/port.ts';
import { routerOf } from '../infra/routing/routers.ts';
import type { JsonPatchOp } from '../statemachines/document.ts';

type Fields = Readonly<Record<string, Json | undefined>>;
type Planned = Extract<RoutePlan, { ok: true }>;

const sides: Sides = { namespace: 'prod', stable: 'app', canary: 'app-canary' };
const marks = { rollout: 'demo', release: 'demo-1' };
const next = { rollout: 'demo', release: 'demo-2' };
const refOf = (object: KubeObject) => ({ apiVersion: object.apiVersion, kind: object.kind, namespace: 'prod', name: 'app' });

/** What an API server does with a JSON Patch: all or nothing, 409 for a resourceVersion that is not current, a new one for a change. */
const send = (object: KubeObject, ops: readonly JsonPatchOp[]): { answer: 200 | 409 | 422; object: KubeObject } => {
  const copy = structuredClone(object) as KubeObject & { metadata: { resourceVersion: string } };
  if (applyPatch(copy, ops as Operation[]).some((error) => error !== null)) return { answer: 422, object };
  const current = object.metadata.resourceVersion ?? '';
  if (copy.metadata.resourceVersion !== current) return { answer: 409, object };
  if (JSON.stringify(copy) !== JSON.stringify(object)) copy.metadata.resourceVersion = String(Number(current) + 1);
  return { answer: 200, object: copy };
};

const sent = (object: KubeObject, ops: readonly JsonPatchOp[]): KubeObject => {
  const result = send(object, ops);
  if (result.answer !== 200) throw new Error(`the server answered ${result.answer} to ${JSON.stringify(ops)} on ${JSON.stringify(object)}`);
  return result.object;
};

const planned = (plan: RoutePlan): Planned => {
  if (!plan.ok) throw new Error(plan.problem);
  return plan;
};

const opsOf = (write: Write): readonly JsonPatchOp[] => {
  if (!write.ok) throw new Error(write.problem);
  return write.ops;
};

const sameVersion = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, resourceVersion: '0' } });

// What users write. Everything below the weights of a list that names our stable Service is none of our business.

const weight = fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined });
const port = fc.constantFrom<Json>(80, 8080, 'http');
const extras = fc.constantFrom<Fields>(
  {},
  { nativeLB: true, passHostHeader: false },
  { strategy: 'p2c', serversTransport: 'slow', scheme: 'h2c' },
  { sticky: { cookie: { name: 'pod' } }, 'x-unknown': [{ deep: null }] },
  { filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x', value: 'y' }] } }] },
);

const entry = (fields: Fields): fc.Arbitrary<Fields> =>
  fc.record({ port, weight, extra: extras }).map((made) => ({
    ...fields,
    port: made.port,
    ...(made.weight === undefined ? {} : { weight: made.weight }),
    ...made.extra,
  }));

/** Named like ours, and not ours; and others that just happen to be there. */
const strangers = fc
  .constantFrom<Fields>(
    { name: 'app', namespace: 'staging' },
    { name: 'app-canary', namespace: 'staging' },
    { name: 'app', kind: 'TraefikService', group: 'traefik.io' },
    { name: 'app-canary', kind: 'TraefikService', group: 'traefik.io' },
    { name: 'legacy' },
    { name: 'app-canary-2' },
  )
  .chain(entry);

const stable = fc
  .constantFrom<Fields>({ name: 'app' }, { name: 'app', kind: 'Service' }, { name: 'app', namespace: 'prod', kind: 'Service' })
  .chain(entry)
  .map((fields) => (fields['weight'] === 0 ? { ...fields, weight: 40 } : fields));

const without = fc.array(strangers, { maxLength: 3 });
const carrying = fc.tuple(stable, without, fc.nat()).map(([ours, others, at]) => others.toSpliced(at % (others.length + 1), 0, ours));
const idle = carrying.map((list) => list.map((one) => (one['name'] === 'app' && one['namespace'] !== 'staging' ? { ...one, weight: 0 } : one)));

/** Lists of backends of which at least one shows users to stable. */
const lists = fc
  .tuple(fc.array(fc.oneof(carrying, without, idle), { maxLength: 3 }), carrying, fc.nat())
  .map(([others, sure, at]) => others.toSpliced(at % (others.length + 1), 0, sure));

/** The same lists as a kind writes them, which may read their weights in another way: one of them still shows users to stable. */
const listsAs = (kind: string, write: (one: Fields) => Fields): fc.Arbitrary<readonly (readonly Fields[])[]> =>
  lists.map((all) => {
    const written = all.map((list) => list.map(write));
    if (written.some((list) => weightIn(kind, list, list.find(names('app'))) > 0)) return written;
    return written.map((list) => list.map((one) => (names('app')(one) ? { ...one, weight: 40 } : one)));
  });

const metadata = fc.record({
  annotations: fc.constantFrom<Fields | undefined>(undefined, { 'a.example/b~c': 'd' }, { 'sluice.dev.example/demo': 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' }),
  labels: fc.constantFrom<Fields | undefined>(undefined, { app: 'app' }),
});

const objectOf = (apiVersion: string, kind: string, spec: Json, { annotations, labels }: { annotations?: Fields | undefined; labels?: Fields | undefined }): KubeObject =>
  JSON.parse(
    JSON.stringify({
      apiVersion,
      kind,
      metadata: { name: 'app', namespace: 'prod', resourceVersion: '10', managedFields: [{ manager: 'kubectl' }], annotations, labels },
      spec,
      extra: { unknown: [1, 'two'] },
    }),
  ) as KubeObject;

const group = fc.constantFrom('traefik.io/v1alpha1', 'traefik.containo.us/v1alpha1');

const ingressRoutes = fc.tuple(group, lists, metadata).map(([apiVersion, all, meta]) =>
  objectOf(
    apiVersion,
    'IngressRoute',
    {
      entryPoints: ['web'],
      routes: [
        { kind: 'Rule', match: 'Host(`parent`)', middlewares: [{ name: 'auth' }] },
        ...all.map((services, index) => ({ kind: 'Rule', match: `Host(\`h${index}\`)`, services, middlewares: [{ name: `m${index}` }] })),
      ],
    },
    meta,
  ),
);

const traefikServices = fc
  .tuple(group, carrying, metadata)
  .map(([apiVersion, services, meta]) => objectOf(apiVersion, 'TraefikService', { weighted: { services, other: true } }, meta));

const httpRoutes = fc.tuple(lists, fc.boolean(), metadata).map(([all, named, meta]) =>
  objectOf(
    'gateway.networking.k8s.io/v1',
    'HTTPRoute',
    {
      parentRefs: [{ name: 'gw' }],
      rules: [
        { filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https' } }], matches: [{ path: { value: '/old' } }] },
        ...all.map((backendRefs, index) => ({
          ...(named ? { name: `r${index}` } : {}),
          matches: [{ path: { type: 'PathPrefix', value: `/p${index}` } }],
          backendRefs: backendRefs.map((one) => (one['kind'] === 'TraefikService' ? one : { group: '', kind: 'Service', ...one })),
        })),
      ],
    },
    meta,
  ),
);

/** The last rule matches everything, and no API server writes that down: it has nothing to be known by. */
const grpcRoutes = fc.tuple(lists, metadata).map(([all, meta]) =>
  objectOf(
    'gateway.networking.k8s.io/v1',
    'GRPCRoute',
    {
      parentRefs: [{ name: 'gw' }],
      rules: all.map((backendRefs, index) => ({
        ...(index === all.length - 1 ? {} : { matches: [{ method: { type: 'Exact', service: `shop.S${index}` } }] }),
        backendRefs: backendRefs.map((one) => (one['kind'] === 'TraefikService' ? one : { group: '', kind: 'Service', ...one })),
      })),
    },
    meta,
  ),
);

/** Short and full names; a host that is no Service; everything else an entry may carry. */
const destination = ({ name, namespace, kind, port: number, ...rest }: Fields): Fields => ({
  destination: {
    host: kind === 'TraefikService' ? `${String(name)}.example.com` : namespace === undefined ? name : `${String(name)}.${String(namespace)}.svc.cluster.local`,
    ...(typeof number === 'number' ? { port: { number } } : {}),
    ...(name === 'legacy' ? { subset: 'v2' } : {}),
  },
  ...rest,
});

const istioVersion = fc.constantFrom('v1', 'v1beta1', 'v1alpha3').map((version) => `networking.istio.io/${version}`);

const virtualServices = fc.tuple(istioVersion, listsAs('VirtualService', destination), fc.boolean(), metadata).map(([apiVersion, all, named, meta]) =>
  objectOf(
    apiVersion,
    'VirtualService',
    {
      hosts: ['app.example.com'],
      gateways: ['mesh'],
      http: [
        { match: [{ uri: { exact: '/old' } }], redirect: { uri: '/new' } },
        ...all.map((route, index) => ({
          ...(named ? { name: `r${index}` } : index === all.length - 1 ? {} : { match: [{ uri: { prefix: `/p${index}` } }] }),
          route,
          retries: { attempts: index },
          mirror: { host: 'app' },
          fault: { abort: { httpStatus: 418, percentage: { value: 0.1 } } },
        })),
      ],
      tcp: [{ match: [{ port: 5432 }], route: [{ destination: { host: 'postgres' } }] }],
    },
    meta,
  ),
);

/** It knows neither namespaces nor kinds, so a stranger is called otherwise. */
const service = ({ name, namespace, kind, ...rest }: Fields): Fields => ({
  name: kind === 'TraefikService' || namespace === 'staging' ? `${String(name)}-elsewhere` : name,
  ...rest,
});
const mirrors = fc.constantFrom<readonly Fields[]>([], [{ name: 'app', port: 80, mirror: true }], [{ name: 'legacy', port: 80, mirror: true, weight: 20 }]);

const httpProxies = fc.tuple(listsAs('HTTPProxy', service), fc.array(mirrors, { minLength: 4, maxLength: 4 }), metadata).map(([all, beside, meta]) =>
  objectOf(
    'projectcontour.io/v1',
    'HTTPProxy',
    {
      virtualhost: { fqdn: 'app.example.com' },
      includes: [{ name: 'blog', conditions: [{ prefix: '/blog' }] }],
      routes: [
        { conditions: [{ prefix: '/old' }], requestRedirectPolicy: { statusCode: 301 } },
        ...all.map((services, index) => ({
          ...(index === 0 ? {} : { conditions: [{ prefix: `/p${index}` }] }),
          services: index % 2 === 0 ? [...(beside[index] ?? []), ...services] : [...services, ...(beside[index] ?? [])],
          timeoutPolicy: { response: `${index}s` },
        })),
      ],
    },
    meta,
  ),
);

const objects = fc.oneof(ingressRoutes, traefikServices, httpRoutes, grpcRoutes, virtualServices, httpProxies);
const percent = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.constantFrom(0, 1, 50, 99, 100));

/** Any course of a release: up, down, or up and down again. */
const courses = fc
  .tuple(fc.array(percent, { minLength: 1, maxLength: 6 }), fc.constantFrom('up', 'down', 'any'))
  .map(([shares, way]) => (way === 'any' ? shares : shares.toSorted((a, b) => (way === 'up' ? a - b : b - a))));

// An independent reading of the objects: how users are spread, as each data plane says of weights that are missing.

interface Rule {
  services?: Fields[];
  backendRefs?: Fields[];
  route?: Fields[];
}

const rulesOf = (object: KubeObject): Rule[] => {
  const spec = object['spec'] as unknown as { routes?: Rule[]; rules?: Rule[]; http?: Rule[]; weighted?: Rule };
  return spec.routes ?? spec.rules ?? spec.http ?? (spec.weighted ? [spec.weighted] : []);
};

const backendsOf = (found: Rule): Fields[] => found.services ?? found.backendRefs ?? found.route ?? [];

const hostOf = (one: Fields): string | undefined => (one['destination'] as { host?: string } | undefined)?.host;

const names = (name: string) => (one: Fields): boolean => {
  const host = hostOf(one);
  if (host !== undefined) return host === name || host === `${name}.prod.svc.cluster.local`;
  return one['name'] === name && (one['namespace'] ?? 'prod') === 'prod' && (one['kind'] ?? 'Service') === 'Service' && one['mirror'] !== true;
};

/** Those that take a share. */
const counted = (list: readonly Fields[]): readonly Fields[] => list.filter((one) => one['mirror'] !== true);

const weightIn = (kind: string, list: readonly Fields[], one: Fields | undefined): number => {
  if (one === undefined) return 0;
  const all = counted(list);
  if (kind === 'VirtualService' && all.length === 1) return 1;
  if (kind === 'HTTPProxy' && all.every(({ weight }) => (weight ?? 0) === 0)) return 1;
  return (one['weight'] ?? (kind === 'VirtualService' || kind === 'HTTPProxy' ? 0 : 1)) as number;
};
const sumIn = (kind: string, list: readonly Fields[]): number => counted(list).reduce((total, one) => total + weightIn(kind, list, one), 0);

/** The object with everything that a release may change taken out: our entry, and the weights beside a stable that has users. */
const foreignPart = (object: KubeObject, before: KubeObject): string => {
  const copy = structuredClone(object) as KubeObject;
  for (const [index, found] of rulesOf(copy).entries()) {
    const was = backendsOf(rulesOf(before)[index] ?? {});
    if (weightIn(before.kind, was, was.find(names('app'))) === 0) continue;
    const list = backendsOf(found);
    const ours = list.findIndex(names('app-canary'));
    if (ours >= 0) list.splice(ours, 1);
    const scaled = counted(was).length > 1;
    for (const [at, one] of list.entries()) {
      if (names('app')(one) || (scaled && one['mirror'] !== true)) {
        const { weight: _, ...rest } = one;
        list[at] = rest;
      }
    }
  }
  return JSON.stringify(copy);
};

/** Runs a course by plans alone and hands over every state it goes through. */
const run = (before: KubeObject, course: readonly number[], visit: (state: { object: KubeObject; plan: Planned; share: number; all: readonly Planned[] }) => void): void => {
  const router = routerOf(before.kind);
  const all: Planned[] = [];
  let object = before;
  let memory: Json | undefined;
  for (const share of course) {
    const plan = planned(router.plan(object, sides, { canary: share }, memory));
    all.push(plan);
    object = sent(object, plan.ops);
    memory = plan.memory;
    visit({ object, plan, share, all });
  }
};

describe('a plan', () => {
  test('P1: is empty once it has been applied', () => {
    fc.assert(
      fc.property(objects, courses, (before, course) => {
        const router = routerOf(before.kind);
        expect(router.check(before, sides)).toBeUndefined();
        run(before, course, ({ object, plan, share }) => {
          const again = planned(router.plan(object, sides, { canary: share }, plan.memory));
          expect(again.ops).toStrictEqual([]);
          expect(again.back).toStrictEqual(plan.back);
          expect(again.memory).toStrictEqual(plan.memory);
        });
      }),
    );
  });

  test('P2: leaves every byte that is not ours as it was', () => {
    fc.assert(
      fc.property(objects, courses, (before, course) => {
        run(before, course, ({ object }) => expect(foreignPart(sameVersion(object), before)).toBe(foreignPart(sameVersion(before), before)));
      }),
    );
  });

  test('P2: the canary entry differs from the stable one in its name and weight alone', () => {
    fc.assert(
      fc.property(objects, percent, (before, share) => {
        run(before, [share], ({ object }) => {
          for (const found of rulesOf(object)) {
            const canary = backendsOf(found).find(names('app-canary'));
            const original = backendsOf(found).find(names('app'));
            if (canary === undefined) continue;
            const host = hostOf(canary);
            if (host === undefined) expect({ ...canary, name: 'app', weight: 0 }).toStrictEqual({ ...original, weight: 0 });
            else {
              const renamed = { ...(canary['destination'] as Fields), host: host.replace('app-canary', 'app') };
              expect({ ...canary, destination: renamed, weight: 0 }).toStrictEqual({ ...original, weight: 0 });
            }
          }
        });
      }),
    );
  });

  test('P3: every prefix of a course is taken back exactly, by its own way back, by each earlier one and by a plan', () => {
    fc.assert(
      fc.property(objects, courses, (before, course) => {
        const router = routerOf(before.kind);
        run(before, course, ({ object, plan, all }) => {
          for (const { back } of all) expect(sameVersion(sent(object, back))).toStrictEqual(sameVersion(before));
          const given = planned(router.plan(object, sides, null, plan.memory));
          const after = sent(object, given.ops);
          expect(sameVersion(after)).toStrictEqual(sameVersion(before));
          expect(planned(router.plan(after, sides, null, plan.memory)).ops).toStrictEqual([]);
          expect(router.observe(after, sides).present).toBe(false);
        });
      }),
    );
  });

  test('P4: in whole numbers, the pair has the share stable had and splits it as wanted; others keep theirs', () => {
    fc.assert(
      fc.property(objects, courses, (before, course) => {
        const router = routerOf(before.kind);
        const { kind } = before;
        run(before, course, ({ object, share }) => {
          let split = 0;
          for (const [index, found] of rulesOf(object).entries()) {
            const was = backendsOf(rulesOf(before)[index] ?? {});
            const now = backendsOf(found);
            const stableWas = weightIn(kind, was, was.find(names('app')));
            const weighs = (one: Fields | undefined): number => weightIn(kind, now, one);
            const [all, allWas] = [sumIn(kind, now), sumIn(kind, was)];
            const canary = now.find(names('app-canary'));
            if (stableWas === 0) {
              expect(canary).toBeUndefined();
              continue;
            }
            split += 1;
            expect(now.every((one) => Number.isInteger(weighs(one)) && weighs(one) >= 0)).toBe(true);
            const stableNow = now.find(names('app'));
            expect([typeof stableNow?.['weight'], typeof canary?.['weight']]).toStrictEqual(['number', 'number']);
            expect(now.findIndex(names('app'))).toBeLessThan(now.findIndex(names('app-canary')));
            if (counted(was).length === 1) expect(weighs(stableNow) + weighs(canary)).toBe(100);
            expect(weighs(canary) * allWas * 100).toBe(share * stableWas * all);
            expect((weighs(stableNow) + weighs(canary)) * allWas).toBe(stableWas * all);
            const others = counted(was).filter((one) => !names('app')(one));
            const othersNow = counted(now).filter((one) => !names('app')(one) && !names('app-canary')(one));
            for (const [at, one] of others.entries()) expect(weighs(othersNow[at]) * allWas).toBe(weightIn(kind, was, one) * all);
          }
          expect(split).toBeGreaterThan(0);
          expect(router.observe(object, sides)).toStrictEqual({ present: true, canary: share, stable: 100 - share });
          const state = router.verify(object, sides, { canary: share }).state;
          expect(state).toBe(['HTTPRoute', 'GRPCRoute', 'HTTPProxy'].includes(kind) ? 'notYet' : 'inEffect');
          expect(router.verify(object, sides, { canary: (share + 1) % 101 }).state).toBe('foreign');
          expect(router.verify(object, sides, null).state).toBe('foreign');
        });
      }),
    );
  });

  test('is plain data and leaves what it was given alone', () => {
    fc.assert(
      fc.property(objects, percent, (before, share) => {
        const frozen = JSON.stringify(before);
        const plan = planned(routerOf(before.kind).plan(before, sides, { canary: share }, undefined));
        expect(JSON.stringify(before)).toBe(frozen);
        expect(JSON.parse(JSON.stringify(plan))).toStrictEqual(plan);
      }),
    );
  });
});

/** Foreign writes that move our entries without changing what they mean; the same move can be made on the user's own object. */
interface Move {
  readonly about: string;
  readonly make: (object: KubeObject) => KubeObject;
}

const onRules = (change: (rules: Rule[]) => void) => (object: KubeObject): KubeObject => {
  const copy = structuredClone(object) as KubeObject;
  change(rulesOf(copy));
  return sameVersion(copy);
};

const newRule = (kind: string): Rule => {
  const matches: Readonly<Record<string, object>> = {
    GRPCRoute: { matches: [{ method: { type: 'Exact', service: 'shop.New' } }] },
    VirtualService: { match: [{ uri: { exact: '/new' } }], redirect: { uri: '/' } },
    HTTPProxy: { conditions: [{ prefix: '/new' }] },
  };
  return matches[kind] ?? { match: 'Host(`new`)' };
};

const moves: fc.Arbitrary<Move> = fc.oneof(
  fc.constant<Move>({ about: 'rules reversed', make: onRules((rules) => rules.reverse()) }),
  fc.constant<Move>({ about: 'a rule before all', make: (object) => onRules((rules) => rules.unshift(newRule(object.kind)))(object) }),
  fc.nat().map<Move>((at) => ({ about: `rule ${at} gone`, make: onRules((rules) => rules.length > 1 && rules.splice(at % rules.length, 1)) })),
  fc.constant<Move>({
    about: 'backends reversed',
    make: onRules((rules) => {
      for (const found of rules) backendsOf(found).reverse();
    }),
  }),
  fc.constant<Move>({
    about: 'the first of several others gone',
    make: onRules((rules) => {
      for (const found of rules) {
        const at = backendsOf(found).findIndex((one) => one['name'] === 'legacy' || hostOf(one) === 'legacy');
        if (at >= 0) backendsOf(found).splice(at, 1);
      }
    }),
  }),
);

/** A backend that a list names twice is told apart by its place alone, so once moved it cannot be known again. */
const namesEachOnce = (object: KubeObject): boolean =>
  rulesOf(object).every((found) => {
    const all = counted(backendsOf(found)).map(({ name, namespace, kind, port: at, destination: to }) => JSON.stringify([name, namespace, kind, at, to]));
    return new Set(all).size === all.length;
  });

const hasRules = (object: KubeObject): boolean => object.kind !== 'TraefikService';

describe('entries that somebody moved during the release', () => {

  test('are found by name, and what he did stays done', () => {
    fc.assert(
      fc.property(objects, courses, fc.array(moves, { minLength: 1, maxLength: 3 }), (before, course, made) => {
        fc.pre(namesEachOnce(before));
        const router = routerOf(before.kind);
        const possible = made.filter(({ about }) => hasRules(before) || about.includes('backends') || about.includes('others'));
        const move = (object: KubeObject): KubeObject => possible.reduce((moved, { make }) => make(moved), sameVersion(object));
        run(before, course, ({ object, plan }) => {
          const restored = sent(move(object), planned(router.plan(move(object), sides, null, plan.memory)).ops);
          expect(sameVersion(restored)).toStrictEqual(move(before));
        });
      }),
    );
  });

  test('are not hit by the blind way back: it restores exactly or it is refused', () => {
    let refusals = 0;
    fc.assert(
      fc.property(objects, percent, moves, (before, share, { make, about }) => {
        fc.pre(namesEachOnce(before) && (hasRules(before) || about.includes('backends')));
        run(before, [share], ({ object, plan }) => {
          const { answer, object: after } = send(make(object), plan.back);
          if (answer === 200) expect(sameVersion(after)).toStrictEqual(make(before));
          else {
            refusals += 1;
            expect(answer).toBe(422);
          }
        });
      }),
    );
    expect(refusals).toBeGreaterThan(0);
  });

  test('a backend added with a weight of its own keeps the ratio to stable that was seen when it was added', () => {
    fc.assert(
      fc.property(objects, courses, fc.integer({ min: 1, max: 500 }), (before, course, added) => {
        const router = routerOf(before.kind);
        const add = onRules((rules) => {
          const late: Fields = before.kind === 'VirtualService' ? { destination: { host: 'late' }, weight: added } : { name: 'late', port: 80, weight: added };
          for (const found of rules) if (backendsOf(found).some(names('app-canary'))) backendsOf(found).unshift(late);
        });
        run(before, course, ({ object, plan }) => {
          const changed = add(object);
          const restored = sent(changed, planned(router.plan(changed, sides, null, plan.memory)).ops);
          for (const [index, found] of rulesOf(changed).entries()) {
            const seen = backendsOf(found);
            if (!seen.some(names('app-canary'))) continue;
            const now = backendsOf(rulesOf(restored)[index] ?? {});
            const weighsSeen = (name: string): number => weightIn(before.kind, seen, seen.find(names(name)));
            const pair = weighsSeen('app') + weighsSeen('app-canary');
            expect(weightIn(before.kind, now, now.find(names('app'))) * sumIn(before.kind, seen)).toBe(pair * sumIn(before.kind, now));
            expect(now.some(names('app-canary'))).toBe(false);
          }
        });
      }),
    );
  });
});

describe('what is sent', () => {
  interface Sent {
    readonly object: KubeObject;
    readonly plan: Planned;
    readonly forward: readonly JsonPatchOp[];
  }

  const step = (object: KubeObject, share: number, memory: Json | undefined, by = marks): Sent => {
    const plan = planned(routerOf(object.kind).plan(object, sides, { canary: share }, memory));
    const forward = opsOf(forwardWrite(object, plan, by, `${share}/0`));
    return { object: sent(object, forward), plan, forward };
  };

  test('P8: a forward write never overwrites an object that has moved', () => {
    fc.assert(
      fc.property(objects, percent, (before, share) => {
        const { plan, forward } = step(before, share, undefined);
        const moved = sent(before, [{ op: 'add', path: '/status', value: { touched: true } }]);
        expect(send(moved, forward)).toStrictEqual({ answer: 409, object: moved });
        // Nor one that the way back was there before: its stamp alone moves the object.
        const back = sent(before, opsOf(slowRestore(before, routerOf(before.kind), sides, plan.memory, marks, '9/9')));
        expect(send(back, forward).answer).toBe(409);
      }),
    );
  });

  test('the armed write goes through after its write and after every later one, gives all back, and always changes the object', () => {
    fc.assert(
      fc.property(objects, courses, (before, course) => {
        let object = before;
        let memory: Json | undefined;
        const armed = [];
        for (const share of course) {
          const made = step(object, share, memory);
          ({ object } = made);
          memory = made.plan.memory;
          armed.push(armedWrite('main', refOf(before), made.plan, marks));
          for (const one of armed) {
            const restored = sent(object, restoreOps(one, 'abort/0'));
            expect(restored.metadata.resourceVersion).not.toBe(object.metadata.resourceVersion);
            const cleaned = sent(restored, opsOf(cleanOps(restored, marks)));
            expect(sameVersion(cleaned)).toStrictEqual(sameVersion(before));
            expect(opsOf(cleanOps(cleaned, marks))).toStrictEqual([]);
          }
        }
      }),
    );
  });

  test('an armed write that comes late is refused: never written, already back, cleaned, or the next release on its way', () => {
    fc.assert(
      fc.property(objects, percent, percent, (before, share, other) => {
        const { object, plan } = step(before, share, undefined);
        const armed = armedWrite('main', refOf(before), plan, marks);
        const late = restoreOps(armed, 'late/0');
        const restored = sent(object, restoreOps(armed, 'abort/0'));
        const cleaned = sent(restored, opsOf(cleanOps(restored, marks)));
        const following = step(cleaned, other, undefined, next).object;
        for (const state of [before, restored, cleaned, following]) expect(send(state, late)).toStrictEqual({ answer: 422, object: state });
        expect(following.metadata.annotations?.[markName('demo')]).toBe('demo-2');
        const router = routerOf(before.kind);
        expect(slowRestore(following, router, sides, plan.memory, marks, 'late/0').ok).toBe(false);
        expect(cleanOps(following, marks).ok).toBe(false);
        expect(forwardWrite(following, plan, marks, 'late/0').ok).toBe(false);
      }),
    );
  });

  test('the slow way back works where the fast one is refused, and stamps the object in any case', () => {
    fc.assert(
      fc.property(objects, courses, fc.array(moves, { maxLength: 2 }), (before, course, made) => {
        fc.pre(namesEachOnce(before));
        const possible = made.filter(({ about }) => hasRules(before) || about.includes('backends'));
        const move = (object: KubeObject): KubeObject => possible.reduce((moved, { make }) => make(moved), sameVersion(object));
        let object = before;
        let memory: Json | undefined;
        for (const share of course) {
          const result = step(object, share, memory);
          ({ object } = result);
          memory = result.plan.memory;
        }
        const router = routerOf(before.kind);
        for (const state of [move(object), move(before)]) {
          const restored = sent(state, opsOf(slowRestore(state, router, sides, memory ?? null, marks, 'slow/0')));
          expect(restored.metadata.resourceVersion).not.toBe(state.metadata.resourceVersion);
          const cleaned = sent(restored, opsOf(cleanOps(restored, marks)));
          expect(sameVersion(cleaned)).toStrictEqual(move(before));
        }
      }),
    );
  });
});
