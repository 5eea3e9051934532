import { expect, it } from 'vitest';
import { listAt } from '../infra/workload/template.ts';
import { podsFor } from '../statemachines/capacity.ts';
import type { Document } from '../statemachines/document.ts';
import { viewRelease } from '../statemachines/view.ts';
import { embeddedWorld, type Around, type EmbeddedWorld } from './fixtures/embedded.ts';
import { definition, image, route, workload } from './fixtures/serving.ts';

/** What the source articles show, one test a row of the table in docs/requirements.md, on the sandbox. */
const over = (release: Document | undefined): boolean => release?.snapshot.status === 'done';
const holding = (weight: number) => (release: Document | undefined) => {
  if (release === undefined || over(release)) return over(release);
  const view = viewRelease(release);
  return view.seen[0]?.canary === weight && view.waitingFor.what.startsWith('the hold');
};
const seen = async (world: EmbeddedWorld) => viewRelease((await world.release()) as Document);
const weightsWritten = async (world: EmbeddedWorld): Promise<unknown[]> =>
  (await world.ports.store.journal('release/pro/demo/1', 0, 1_000)).flatMap(({ effects }) => effects.filter(({ name }) => name === 'route.write').map(({ params }) => params['canary']));

it('R02 a release that a person starts by hand goes the same way, and names the person', async () => {
  const world = await embeddedWorld(definition('steps: [{weight: 50, hold: 1s}]\nwatch: 1s'));
  world.sandbox.registry.push(image, '1.1.0', { env: { VERSION: '1.1.0' } });
  await world.send('by-hand', { type: 'start', image, tag: '1.1.0' });
  await world.drive(over);
  expect(await seen(world)).toMatchObject({ phase: 'completed', startedBy: 'ada', tag: '1.1.0' });
});

it('R18 the ratio is changed in the middle of a step, without beginning again', async () => {
  const world = await embeddedWorld(definition('steps: [{weight: 50, hold: 1h}]\nwatch: 1s'));
  await world.push('1.1.0');
  await world.drive(holding(50));
  await world.command({ type: 'setWeight', weight: 20 });
  await world.drive(holding(20));
  expect(await seen(world)).toMatchObject({ n: 1, wanted: 20, steps: [{ state: 'current' }] });
  expect(await weightsWritten(world)).toEqual([50, 20]);
});

it('R19 a ramp raises the ratio by itself with time, each step once, also when every timer comes twice', async () => {
  const world = await embeddedWorld(definition('steps: [{ramp: {from: 20, to: 60, by: 20, every: 30s}}]\nwatch: 1s'));
  await world.push('1.1.0');
  const doubled = new Set<number>();
  await world.drive((release) => {
    // Whatever wakes the document a second time finds nothing left to do.
    if (release !== undefined && doubled.size !== doubled.add(release.version).size) void world.ports.queue.send([{ id: `twice-${release.version}`, lane: 'normal', group: release.id, body: { type: 'wake', document: release.id } }]);
    return over(release);
  });
  expect(await weightsWritten(world)).toEqual([20, 40, 60, 100, null]);
});

it('R40 a stable with a pod missing blocks the release, with the reason, until it is well again', async () => {
  const world = await embeddedWorld(definition('steps: [{weight: 50, hold: 1s}]\nwatch: 1s'));
  await world.sandbox.asUser('kubectl').patch(workload, [{ op: 'replace', path: '/spec/replicas', value: 3 }]);
  await world.push('1.1.0');
  const blocked = await world.drive((release) => release !== undefined && viewRelease(release).waitingFor.what.includes('not well'));
  expect(viewRelease(blocked as Document)).toMatchObject({ phase: 'preparing', exposed: false });
  await world.drive(over);
  expect((await seen(world)).phase).toBe('completed');
});

it('R49 at every write of a weight the canary has the ready endpoints that it needs', async () => {
  const short: unknown[] = [];
  let world: EmbeddedWorld | undefined;
  const watching: Around = async (call, inner) => {
    const result = await inner();
    if (call === `patch ${route.kind}` && world !== undefined) {
      const [rule] = listAt((await world.sandbox.cluster.get(route)) ?? {}, 'spec', 'routes') as unknown as { services: { name: string; weight?: number }[] }[];
      const services = rule?.services ?? [];
      const weight = services.find(({ name }) => name === 'demo-canary')?.weight ?? 0;
      const slices = await world.sandbox.cluster.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace: 'pro', labelSelector: 'kubernetes.io/service-name=demo-canary' });
      const ready = slices.flatMap((slice) => slice['endpoints'] as { conditions: { ready: boolean } }[]).filter(({ conditions }) => conditions.ready).length;
      if (ready < podsFor(weight, 2)) short.push({ weight, ready });
    }
    return result;
  };
  world = await embeddedWorld(definition('steps: [{weight: 10, hold: 1s}, {weight: 60, hold: 1s}]\nwatch: 1s'), () => watching);
  await world.push('1.1.0');
  await world.drive(over);
  expect((await seen(world)).phase).toBe('completed');
  expect(short).toEqual([]);
});

it.each([20, 60, 100])('R51 R69 from %i percent one write of the route takes every user back, without a rollout of pods', async (weight) => {
  const calls: string[] = [];
  const recording: Around = (call, inner) => {
    calls.push(call);
    return inner();
  };
  const world = await embeddedWorld(definition('steps: [{weight: 20, hold: 1h}, {weight: 60, hold: 1h}, {weight: 100, hold: 1h}]'), () => recording);
  const before = await world.sandbox.cluster.get(route);
  await world.push('1.1.0');
  for (const at of [20, 60, 100].filter((step) => step <= weight)) {
    await world.drive(holding(at));
    if (at < weight) await world.command({ type: 'promote' });
  }
  calls.length = 0;
  await world.command({ type: 'abort', reason: 'test' });
  await world.drive((release) => release !== undefined && !viewRelease(release).exposed);
  expect(calls.filter((call) => /^(create|patch|delete) /.test(call))).toEqual(['patch IngressRoute']);
  expect((await world.sandbox.cluster.get(route))?.['spec']).toEqual(before?.['spec']);
});
