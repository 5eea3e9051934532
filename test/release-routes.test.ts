import { describe, expect, test } from 'vitest';
import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';
import type { Document, ObjectRef } from '../statemachines/document.ts';
import { embeddedWorld, type EmbeddedWorld } from './fixtures/embedded.ts';
import { definition, route as ingressRoute } from './fixtures/demo.ts';

const over = (release: Document | undefined): boolean => release?.snapshot.status === 'done';
const gating = (release: Document | undefined): boolean => JSON.stringify(release?.snapshot.value ?? '').includes('gating');

const routes: readonly [string, string, Json][] = [
  ['VirtualService', 'networking.istio.io/v1', { hosts: ['demo.test'], gateways: ['gw'], http: [{ name: 'main', timeout: '10s', route: [{ destination: { host: 'demo' } }] }] }],
  ['HTTPProxy', 'projectcontour.io/v1', { virtualhost: { fqdn: 'demo.test' }, routes: [{ conditions: [{ prefix: '/' }], services: [{ name: 'demo', port: 8080 }] }] }],
  ['GRPCRoute', 'gateway.networking.k8s.io/v1', { parentRefs: [{ name: 'gw' }], hostnames: ['demo.test'], rules: [{ backendRefs: [{ name: 'demo', port: 8080 }] }] }],
];

interface Scene {
  readonly world: EmbeddedWorld;
  /** The route as its user made it, and as it is now, without what the API server and its controllers keep. */
  readonly made: Json;
  now(): Promise<Json>;
  /** Answers to a hundred requests, by version or status. */
  ask(): Record<string, number>;
}

const written = ({ metadata: { annotations, labels }, ...object }: KubeObject): Json => JSON.parse(JSON.stringify({ annotations, labels, spec: object['spec'] })) as Json;

const scene = async (kind: string, apiVersion: string, spec: Json): Promise<Scene> => {
  const world = await embeddedWorld(definition('steps: [{weight: 20, hold: 60s}, {weight: 100}]\nwatch: 60s').replace('kind: IngressRoute, name: demo, lag: 50ms', `kind: ${kind}, name: demo`));
  const user = world.sandbox.asUser('kubectl');
  const { uid = '', resourceVersion = '' } = (await user.get(ingressRoute))?.metadata ?? {};
  await user.delete(ingressRoute, { uid, resourceVersion });
  const ref: ObjectRef = { apiVersion, kind, namespace: 'pro', name: 'demo' };
  const made = written(await user.create({ apiVersion, kind, metadata: { name: 'demo', namespace: 'pro', annotations: { team: 'web' } }, spec }));
  world.clock.advance(5_000);
  return {
    world,
    made,
    now: async () => written((await world.sandbox.cluster.get(ref)) ?? Promise.reject(new Error('the route is gone')) as never),
    ask: () => {
      const answers: Record<string, number> = {};
      for (let i = 0; i < 100; i += 1) {
        const { version, status } = world.sandbox.gateway.route({ host: 'demo.test', path: '/shop.Orders/Place' });
        const key = status === 200 ? (version ?? '-') : String(status);
        answers[key] = (answers[key] ?? 0) + 1;
      }
      return answers;
    },
  };
};

describe.each(routes)('a release behind a %s', (kind, apiVersion, spec) => {
  test('splits users as its steps say, and leaves the object as its user made it', async () => {
    const { world, made, now, ask } = await scene(kind, apiVersion, spec);
    expect(ask()).toEqual({ '1.0.0': 100 });
    await world.push('1.1.0');
    await world.drive(gating);
    expect(ask()).toEqual({ '1.0.0': 80, '1.1.0': 20 });
    expect((await world.drive(over))?.snapshot.value).toBe('completed');
    expect(ask()).toEqual({ '1.1.0': 100 });
    expect(await now()).toEqual(made);
  });

  test('an abort takes everybody back and leaves no trace', async () => {
    const { world, made, now, ask } = await scene(kind, apiVersion, spec);
    await world.push('1.1.0');
    await world.drive(gating);
    await world.command({ type: 'abort', reason: 'test' });
    expect((await world.drive(over))?.snapshot.value).toBe('rolledBack');
    expect(ask()).toEqual({ '1.0.0': 100 });
    expect(await now()).toEqual(made);
  });

  test('a canary that dies costs its own share, and no other', async () => {
    const { world, ask } = await scene(kind, apiVersion, spec);
    await world.push('1.1.0');
    await world.drive(gating);
    world.sandbox.kill({ namespace: 'pro', labelSelector: 'app=demo-canary', comesBack: false });
    world.clock.advance(5_000);
    expect(ask()).toEqual({ '1.0.0': 80, 503: 20 });
    await world.command({ type: 'abort', reason: 'dead' });
    await world.drive(over);
    expect(ask()).toEqual({ '1.0.0': 100 });
  });
});
