import { expect, it } from 'vitest';
import { inspect } from '../infra/perform/preflight.ts';
import type { Rollout } from '../statemachines/definition/rollout.ts';
import { planRelease } from '../statemachines/plan.ts';
import { embeddedWorld, type Around } from './fixtures/embedded.ts';
import { definition, image } from './fixtures/serving.ts';

/** Calls in the words of a plan. Scaling and changing an image are both a patch of a Deployment. */
const writes = (calls: readonly string[]): string[] => calls.filter((call) => /^(create|patch|delete) /.test(call));

it('the plan names every write of a release, in the order in which they are made', async () => {
  const calls: string[] = [];
  const recording: Around = (name, inner) => {
    calls.push(name);
    return inner();
  };
  const world = await embeddedWorld(definition('steps: [{weight: 20, hold: 1s}, {weight: 60, hold: 1s}, {weight: 80, hold: 1s}]\nwatch: 1s'), () => recording);
  const rollout = (await world.ports.store.load('rollout/pro/demo'))?.definition as unknown as Rollout;
  const [target] = rollout.targets;
  if (target === undefined) throw new Error('the rollout has no target');
  const facts = await inspect(world.sandbox.cluster, rollout, target, { image, digest: 'sha256:0' }, AbortSignal.timeout(1_000));
  const plan = planRelease(rollout, { [target.name]: facts }, { from: '1.0.0', to: '1.1.0' });

  await world.push('1.1.0');
  const release = await world.drive((one) => one?.snapshot.status === 'done');
  expect(release?.snapshot.value).toBe('completed');
  const planned = plan.steps.flatMap((step) => step.writes.map(({ verb, kind }) => `${verb === 'scale' ? 'patch' : verb} ${kind}`));
  expect(writes(calls)).toEqual(planned);
  expect(plan.widest).toBe(4);
});

it('the plan of a way back is one write a route', () => {
  const rollout = { namespace: 'pro', name: 'demo', steps: [{ name: 'one', weight: 50, holdMs: 0, analyses: [] }], targets: [{ name: 'demo', cluster: 'default', workload: { kind: 'Deployment', name: 'demo', service: 'demo' }, routes: [{ key: 'a', kind: 'IngressRoute', name: 'in' }, { key: 'b', kind: 'HTTPRoute', name: 'out' }] }] } as unknown as Rollout;
  expect(planRelease(rollout, {}, { from: '1', to: '2' }).back.map(({ kind, object }) => `${kind} ${object}`)).toEqual(['IngressRoute pro/in', 'HTTPRoute pro/out']);
});
