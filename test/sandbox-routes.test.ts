import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';
import { roundRobin } from '../infra/cluster/sandbox/balancer.ts';
import { choose } from '../infra/cluster/sandbox/route-model.ts';
import { routesOf } from '../infra/cluster/sandbox/routes.ts';
import { traefikRule } from '../infra/cluster/sandbox/traefik-rule.ts';
import { anywhere, ask, backend, endpoints, httpRoute, ingressRoute, named, namespace, service, to } from './route-objects.ts';

/** How often each Service, or each status where no pod was chosen, comes up in so many requests. */
const tally = (objects: readonly KubeObject[], requests: number, request = ask): Record<string, number> => {
  const [routes, balance, counts] = [routesOf(objects), roundRobin(), new Map<string, number>()];
  for (let i = 0; i < requests; i += 1) {
    const choice = choose(routes, request, balance);
    const key = choice.outcome === 'pod' ? choice.service.replace(`${namespace}/`, '') : String(choice.status);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
};

describe('Traefik rules', () => {
  const request = { host: 'Demo.test:8080', path: '/api/users?page=2', method: 'GET', headers: { location: 'shenzhen', 'user-agent': 'Android 9' }, clientIp: '10.20.3.4' };
  test.each([
    ['Host(`demo.test`)', true],
    ['Host(`a.test`, `demo.test`)', true],
    ['Host(`demo.test`) && PathPrefix(`/api`)', true],
    ['Path(`/api`)', false],
    ['Path(`/api/users`)', true],
    ['Header(`Location`, `shenzhen`)', true],
    ['Headers(`location`, `beijing`)', false],
    ['HeaderRegexp(`User-Agent`, `(?i)android`)', true],
    ['!Host(`demo.test`)', false],
    ['Host(`x`) || Host(`demo.test`) && PathPrefix(`/web`)', false],
    ['(Host(`x`) || Host(`demo.test`)) && !PathPrefix(`/web`)', true],
    ['Query(`page`, `2`) && Method(`get`)', true],
    ['ClientIP(`10.20.0.0/16`)', true],
    ['ClientIP(`10.30.0.0/16`, `192.168.1.1`)', false],
    ['Host("demo.test")', true],
  ])('%s: %s', (rule, matches) => {
    expect(traefikRule(rule)(request)).toBe(matches);
  });

  test.each(['Host(`a`', 'Host(a)', 'Nonsense(`a`)', 'Host(`a`) &&', 'Host(`a`) Host(`b`)', '', 'constructor(`a`)'])('%s cannot be read', (rule) => {
    expect(() => traefikRule(rule)).toThrow(SyntaxError);
  });
});

describe('IngressRoute, objects and a request to a choice', () => {
  test('any two weights are kept exactly, in every full round', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 3 }), (canary, rounds) => {
      const counts = tally([...backend('stable', 2), ...backend('canary'), ingressRoute([to('stable', 100 - canary), to('canary', canary)])], 100 * rounds);
      expect(counts).toEqual({ ...(canary < 100 ? { stable: (100 - canary) * rounds } : {}), ...(canary > 0 ? { canary: canary * rounds } : {}) });
    }));
  });

  test('a missing weight counts as 1, so weight 100 beside none is 1 in 101', () => {
    expect(tally([...backend('stable'), ...backend('canary'), ingressRoute([to('stable'), to('canary', 100)])], 101)).toEqual({ stable: 1, canary: 100 });
  });

  test('one service alone gets everything, even at weight 0', () => {
    expect(tally([...backend('stable'), ingressRoute([to('stable', 0)])], 10)).toEqual({ stable: 10 });
  });

  test('all weights 0 is nobody', () => {
    expect(tally([...backend('stable'), ...backend('canary'), ingressRoute([to('stable', 0), to('canary', 0)])], 5)).toEqual({ 503: 5 });
  });

  // As seen on Traefik 3.6.12 (routing.md, "Seen on the real cluster since"): 40 requests each.
  test.each([
    ['75/25, canary pods not ready', [service('canary'), endpoints('canary', 0)], [to('stable', 75), to('canary', 25)], { 404: 40 }],
    ['canary at weight 0, its pods not ready', [service('canary'), endpoints('canary', 0)], [to('stable', 100), to('canary', 0)], { 404: 40 }],
    ['canary Service missing', [], [to('stable', 100), to('canary', 0)], { 404: 40 }],
    ['canary entry removed', [service('canary'), endpoints('canary', 0)], [to('stable', 100)], { stable: 40 }],
    ['a port the Service has not', backend('canary'), [to('stable', 100), { name: 'canary', port: 81, weight: 0 }], { 404: 40 }],
  ] as const)('%s', (_, canary, services, expected) => {
    expect(tally([...backend('stable'), ...canary, ingressRoute(services as readonly Json[])], 40)).toEqual(expected);
  });

  test('a broken rule leaves the other rules of the object alone', () => {
    const two = named('traefik.io/v1alpha1', 'IngressRoute', 'demo', {
      spec: { routes: [{ match: 'Host(`demo.test`)', kind: 'Rule', services: [to('stable')] }, { match: 'Host(`demo.test`) && PathPrefix(`/beta`)', kind: 'Rule', services: [to('canary')] }] },
    });
    expect(tally([...backend('stable'), service('canary'), two], 5, { host: 'demo.test', path: '/beta' })).toEqual({ stable: 5 });
    expect(tally([...backend('stable'), ...backend('canary'), two], 5, { host: 'demo.test', path: '/beta' })).toEqual({ canary: 5 });
  });

  test('pods on their way out keep a rule alive but get no new requests', () => {
    expect(tally([...backend('stable'), service('canary'), endpoints('canary', 1, 1), ingressRoute([to('canary')])], 4)).toEqual({ canary: 4 });
    expect(tally([...backend('stable'), service('canary'), endpoints('canary', 0, 1), ingressRoute([to('stable', 50), to('canary', 50)])], 4)).toEqual({ stable: 2, 503: 2 });
  });

  test('the longer rule wins unless a priority says otherwise', () => {
    const [long, short] = ['Host(`demo.test`) && PathPrefix(`/`)', 'Host(`demo.test`)'];
    const objects = (priority: number): KubeObject[] => [
      ...backend('stable'), ...backend('canary'), ingressRoute([to('stable')], long),
      { ...ingressRoute([to('canary')], short, priority === 0 ? {} : { priority }), metadata: { name: 'other', namespace } },
    ];
    expect(tally(objects(0), 3)).toEqual({ stable: 3 });
    expect(tally(objects(1000), 3)).toEqual({ canary: 3 });
  });

  test('a weighted TraefikService splits; a missing one, or a missing Middleware, drops the rule', () => {
    const split = named('traefik.io/v1alpha1', 'TraefikService', 'split', { spec: { weighted: { services: [to('stable', 3), to('canary', 1)] } } });
    const route = ingressRoute([{ name: 'split', kind: 'TraefikService' }]);
    expect(tally([...backend('stable'), ...backend('canary'), split, route], 8)).toEqual({ stable: 6, canary: 2 });
    expect(tally([...backend('stable'), ...backend('canary'), route], 8)).toEqual({ 404: 8 });
    expect(tally([...backend('stable'), ingressRoute([to('stable')], 'Host(`demo.test`)', { middlewares: [{ name: 'limit' }] })], 8)).toEqual({ 404: 8 });
  });

  test('a TraefikService that refers to itself drops the rule', () => {
    const loop = named('traefik.io/v1alpha1', 'TraefikService', 'loop', { spec: { weighted: { services: [{ name: 'loop', kind: 'TraefikService' }] } } });
    expect(tally([loop, ingressRoute([{ name: 'loop', kind: 'TraefikService' }])], 1)).toEqual({ 404: 1 });
  });

  test('the pods of a Service take turns', () => {
    const [routes, balance] = [routesOf([...backend('stable', 3), ingressRoute([to('stable')])]), roundRobin()];
    const pods = Array.from({ length: 6 }, () => choose(routes, ask, balance)).map((choice) => (choice.outcome === 'pod' ? choice.endpoint.pod : ''));
    expect(pods.sort()).toEqual(['stable-0', 'stable-0', 'stable-1', 'stable-1', 'stable-2', 'stable-2']);
  });

  test('the older API group is obeyed as well', () => {
    const old = { ...ingressRoute([to('canary')], 'Host(`demo.test`) && Headers(`location`, `shenzhen`)'), apiVersion: 'traefik.containo.us/v1alpha1' };
    const objects = [...backend('canary'), old];
    expect(tally(objects, 2, { ...ask, headers: { location: 'shenzhen' } } as typeof ask)).toEqual({ canary: 2 });
    expect(tally(objects, 2)).toEqual({ 404: 2 });
  });
});

describe('HTTPRoute, objects and a request to a choice', () => {
  const rule = (backendRefs: readonly Json[], matches: Json = anywhere): Json => ({ matches, backendRefs });

  test('only the share of a backend in trouble fails: 500 missing, 503 without endpoints', () => {
    const split = httpRoute([rule([to('stable', 75), to('canary', 25)])]);
    expect(tally([...backend('stable'), ...backend('canary'), split], 100)).toEqual({ stable: 75, canary: 25 });
    expect(tally([...backend('stable'), split], 100)).toEqual({ stable: 75, 500: 25 });
    expect(tally([...backend('stable'), service('canary'), endpoints('canary', 0), split], 100)).toEqual({ stable: 75, 503: 25 });
    expect(tally([...backend('stable'), httpRoute([rule([to('stable', 100), to('canary', 0)])])], 100)).toEqual({ stable: 100 });
  });

  test('the more specific match wins, whatever the order', () => {
    const exact = [{ path: { type: 'Exact', value: '/api' } }];
    const header = [{ path: { type: 'PathPrefix', value: '/api' }, headers: [{ name: 'Location', value: 'shenzhen', type: 'Exact' }] }];
    const prefix = [{ path: { type: 'PathPrefix', value: '/api' } }];
    const objects = [...['any', 'prefix', 'header', 'exact'].flatMap((name) => backend(name)),
      httpRoute([rule([to('any')]), rule([to('prefix')], prefix), rule([to('header')], header), rule([to('exact')], exact)])];
    const one = (path: string, headers: Record<string, string> = {}): string[] => Object.keys(tally(objects, 1, { host: 'demo.test', path, headers } as typeof ask));
    expect(one('/')).toEqual(['any']);
    expect(one('/apix')).toEqual(['any']);
    expect(one('/api/users')).toEqual(['prefix']);
    expect(one('/api/users', { location: 'shenzhen' })).toEqual(['header']);
    expect(one('/api', { location: 'shenzhen' })).toEqual(['exact']);
  });

  test('a regular expression matches the whole header; hosts match exactly before wildcards', () => {
    const regex = [{ path: { type: 'PathPrefix', value: '/' }, headers: [{ name: 'cookie', type: 'RegularExpression', value: 'group=b' }] }];
    const objects = [...backend('stable'), ...backend('canary'), httpRoute([rule([to('canary')], regex)], ['demo.test']), httpRoute([rule([to('stable')])], ['*.test'], 'wild')];
    expect(tally(objects, 1, { ...ask, headers: { cookie: 'group=b' } } as typeof ask)).toEqual({ canary: 1 });
    expect(tally(objects, 1, { ...ask, headers: { cookie: 'x=1; group=b' } } as typeof ask)).toEqual({ stable: 1 });
    expect(tally(objects, 1, { host: 'test', path: '/' })).toEqual({ 404: 1 });
  });
});
