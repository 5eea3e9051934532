import { describe, expect, it } from 'vitest';
import type { Measurement } from '../infra/metrics/port.ts';
import { at } from '../infra/workload/template.ts';
import type { Document } from '../statemachines/document.ts';
import { viewRelease, type ReleaseView } from '../statemachines/view.ts';
import { embeddedWorld, type EmbeddedWorld } from './fixtures/embedded.ts';
import { definition, image, route, workload } from './fixtures/serving.ts';

const over = (release: Document | undefined): boolean => release?.snapshot.status === 'done';
const seen = async (world: EmbeddedWorld): Promise<ReleaseView> => {
  const release = await world.release();
  if (release === undefined) throw new Error('there is no release');
  return viewRelease(release);
};
const reached = (test: (view: ReleaseView) => boolean) => (release: Document | undefined) => over(release) || (release !== undefined && test(viewRelease(release)));
const holdingAt = (weight: number) => reached((view) => view.seen[0]?.canary === weight && view.waitingFor.what.startsWith('the hold'));
const steps = 'steps: [{weight: 20, hold: 1m}, {weight: 100}]\nwatch: 10s';

describe('a canary that dies', () => {
  it('behind a router that drops a route with an empty backend, users are back within two looks, without any alert', async () => {
    const world = await embeddedWorld(definition(steps));
    await world.push('1.1.0');
    await world.drive(holdingAt(20));
    const died = world.clock.now();
    world.sandbox.kill({ namespace: 'pro', labelSelector: 'app=demo-canary', comesBack: false });
    const release = await world.drive(reached(({ phase }) => phase === 'rollingBack' || phase === 'retiring'));
    expect(world.clock.now() - died).toBeLessThanOrEqual(15_000);
    await world.drive(over);
    expect(viewRelease(release as Document).ending?.reason).toContain('lost all its pods');
    expect((await seen(world)).phase).toBe('rolledBack');
  });

  it('a version that never becomes ready is taken back before anybody met it', async () => {
    const world = await embeddedWorld(definition(`${steps}\nprogressDeadline: 1m`));
    await world.push('1.1.0', { NEVER_READY: '1' });
    await world.drive(over);
    const view = await seen(world);
    expect(view).toMatchObject({ phase: 'rolledBack', ending: { bad: true }, exposed: false });
    expect((await world.sandbox.cluster.get(route))?.metadata.annotations).toBeUndefined();
  });
});

describe('other people at the same objects', () => {
  it('a field of theirs on the route is kept', async () => {
    const world = await embeddedWorld(definition(steps));
    await world.push('1.1.0');
    await world.drive(holdingAt(20));
    await world.sandbox.asUser('somebody').patch(route, [{ op: 'add', path: '/spec/routes/0/middlewares', value: [{ name: 'theirs' }] }]);
    await world.drive(over);
    const object = await world.sandbox.cluster.get(route);
    expect((await seen(world)).phase).toBe('completed');
    expect(at(object ?? {}, 'spec', 'routes')).toEqual([{ kind: 'Rule', match: 'Host(`demo.test`)', services: [{ name: 'demo', port: 8080 }], middlewares: [{ name: 'theirs' }] }]);
  });

  it('a weight of ours that they change pauses the release, which names them; resumed, it goes on', async () => {
    const world = await embeddedWorld(definition('steps: [{weight: 20, hold: 1m}, {weight: 60, hold: 1m}]\nwatch: 10s'));
    await world.push('1.1.0');
    await world.drive(holdingAt(20));
    await world.sandbox.asUser('mallory').patch(route, [{ op: 'replace', path: '/spec/routes/0/services/1/weight', value: 77 }]);
    await world.drive(reached(({ paused }) => paused !== undefined));
    expect((await seen(world)).paused).toMatchObject({ by: 'sluice', why: expect.stringMatching(/^mallory changed IngressRoute pro\/demo/) as string });
    await world.command({ type: 'resume' });
    await world.drive(over);
    expect((await seen(world)).phase).toBe('completed');
    expect((await world.sandbox.cluster.get(route))?.['spec']).toMatchObject({ routes: [{ services: [{ name: 'demo', port: 8080 }] }] });
  });

  it('a template that they change while the release settles leaves users on the canary and asks a person; abort gives theirs back', async () => {
    const world = await embeddedWorld(definition('steps: [{weight: 100, hold: 10s}]\nwatch: 10s'));
    await world.push('1.1.0');
    await world.drive(reached(({ phase }) => phase === 'watching'));
    await world.sandbox.asUser('mallory').patch(workload, [{ op: 'add', path: '/spec/template/metadata/annotations', value: { theirs: 'yes' } }]);
    await world.drive(reached(({ phase }) => phase === 'halted'));
    const view = await seen(world);
    expect(view.waitingFor.what).toContain('mallory changed the pod template');
    expect(at((await world.sandbox.cluster.get(route)) ?? {}, 'spec', 'routes', '0', 'services', '1', 'weight')).toBeUndefined();
    expect(world.sandbox.gateway.route({ host: 'demo.test', path: '/', method: 'GET', headers: {}, clientIp: '127.0.0.1' }).version).toBe('1.1.0');
  });
});

describe('an image that somebody puts back while stable settles', () => {
  it('leaves users on the canary and asks a person, who may go on or back', async () => {
    const world = await embeddedWorld(definition('steps: [{weight: 100}]\nwatch: 1s'));
    await world.push('1.1.0');
    await world.drive(reached(({ waitingFor }) => waitingFor.what.startsWith('stable to come up')));
    await world.sandbox.asUser('mallory').patch(workload, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: `${image}:1.0.0` }]);
    await world.drive(reached(({ phase }) => phase === 'halted'));
    expect((await seen(world)).waitingFor.what).toContain('mallory changed the image of Deployment pro/demo');
    await world.command({ type: 'retry' });
    await world.drive(over);
    expect((await seen(world)).phase).toBe('completed');
  });
});

describe('an autoscaler', () => {
  it('R56 has its lower bound raised for the release and given back', async () => {
    const world = await embeddedWorld(definition(steps));
    const ref = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', namespace: 'pro', name: 'demo' };
    await world.sandbox.asUser('kubectl').create({ apiVersion: ref.apiVersion, kind: ref.kind, metadata: { name: 'demo', namespace: 'pro' }, spec: { minReplicas: 1, maxReplicas: 9, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'demo' } } });
    await world.push('1.1.0');
    await world.drive(holdingAt(20));
    expect(at((await world.sandbox.cluster.get(ref)) ?? {}, 'spec', 'minReplicas')).toBe(2);
    await world.command({ type: 'abort', reason: 'test' });
    await world.drive(over);
    expect(at((await world.sandbox.cluster.get(ref)) ?? {}, 'spec', 'minReplicas')).toBe(1);
  });

  it('that belongs to KEDA is refused, with the way out', async () => {
    const world = await embeddedWorld(definition(steps));
    await world.sandbox.asUser('keda').create({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'keda-hpa-demo', namespace: 'pro', ownerReferences: [{ apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', name: 'demo', uid: 'x', controller: true }] },
      spec: { maxReplicas: 9, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'demo' } },
    });
    await world.push('1.1.0');
    await world.drive(over);
    expect((await seen(world)).ending).toMatchObject({ outcome: 'refused', reason: expect.stringMatching(/KEDA ScaledObject.*pause the ScaledObject/) as string });
  });
});

describe('an image that Git owns', () => {
  it('is refused at the preflight with the ways out', async () => {
    const world = await embeddedWorld(definition(steps));
    await world.sandbox.asUser('argocd-controller').patch(workload, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: `${image}:1.0.0-git` }]);
    world.sandbox.registry.push(image, '1.0.0-git', { env: { VERSION: '1.0.0-git' } });
    world.clock.advance(10_000);
    await world.push('1.1.0');
    await world.drive(over);
    expect((await seen(world)).ending).toMatchObject({ outcome: 'refused', reason: expect.stringMatching(/applied from Git by argocd-controller.*ignore that field/) as string });
  });
});

describe('an analysis', () => {
  const analysed = (policy = ''): string =>
    definition(`steps: [{weight: 20, analysis: health, hold: 5s}, {weight: 100}]\nwatch: 5s\nanalyses: {health: {interval: 10s, warmUp: 5s, query: 'errors{service="\${canary}"}', max: 0.05, passes: 2${policy}}}`);
  const answering = (answers: readonly Measurement[]) => {
    const asked: { query: string; at: number }[] = [];
    return { asked, metrics: () => ({ query: (query: string, when: number) => Promise.resolve(answers[Math.min(asked.push({ query, at: when }), answers.length) - 1] as Measurement) }) };
  };

  it('looks at intervals that follow each other, and lets the step end after the looks that must pass', async () => {
    const { asked, metrics } = answering([{ outcome: 'value', value: 0.01 }]);
    const world = await embeddedWorld(analysed(), undefined, metrics);
    await world.push('1.1.0');
    await world.drive(over);
    expect((await seen(world)).phase).toBe('completed');
    expect(asked.map(({ query }) => query)).toEqual(['errors{service="demo-canary"}', 'errors{service="demo-canary"}']);
    expect((asked[1]?.at ?? 0) - (asked[0]?.at ?? 0)).toBe(10_000);
  });

  it('that fails rolls back, and says so with the numbers', async () => {
    const world = await embeddedWorld(analysed(), undefined, answering([{ outcome: 'value', value: 0.01 }, { outcome: 'value', value: 0.2 }]).metrics);
    await world.push('1.1.0');
    await world.drive(over);
    expect((await seen(world)).ending).toMatchObject({ outcome: 'rolledBack', bad: true, reason: 'analysis health failed: 0.2 is above the 0.05 allowed' });
  });

  it.each(['noData', 'providerDown'] as const)('Invariant 7: %s never passes and never kills a healthy release', async (outcome) => {
    const world = await embeddedWorld(analysed(), undefined, answering([{ outcome, reason: 'nothing there' }]).metrics);
    await world.push('1.1.0');
    await world.drive(over, 300_000);
    const view = await seen(world);
    expect(view).toMatchObject({ phase: 'stepping', verdicts: [{ kind: outcome, passes: 0, why: 'nothing there' }] });
    expect(view.waitingFor.what).toContain(`the last ${outcome}`);
  });

  it('a dead provider rolls back only where the definition says so, and does not blame the version', async () => {
    const world = await embeddedWorld(analysed(', onProviderDown: rollback'), undefined, answering([{ outcome: 'providerDown', reason: 'refused' }]).metrics);
    await world.push('1.1.0');
    await world.drive(over);
    expect((await seen(world)).ending).toMatchObject({ outcome: 'rolledBack', bad: false });
  });
});
