import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import { realCluster, waitUntil } from './helpers.ts';
import { setScene, type Scene } from './scene.ts';
import { autoscaler } from './scene-objects.ts';
import { startSluice, type Sluice } from './sluice.ts';

// Somebody else touches what a release works on, or pushes once more, while it is under way.

let cluster: Cluster;
let sluice: Sluice;
beforeAll(async () => {
  cluster = await realCluster();
  sluice = await startSluice('other-hands', { port: 8090 });
});
afterAll(async () => {
  await sluice.stop();
  await cluster.close();
});

const half = { weight: 50, hold: '1h' };
const spec = { steps: [half], watch: '1s' };
const command = (scene: Scene, type: string) => sluice.command(scene.rollout, { type });
const halfWay = (scene: Scene, n = 1) => scene.until('half of the users are on it', (release) => release.n === n && release.seen[0]?.canary === 50 && release.seen);
/** Somebody's JSON Patch, under a name of his own. */
const patch = (scene: Scene, kind: string, who: string, ops: readonly object[]) => scene.kubectl('patch', kind, 'demo', `--field-manager=${who}`, '--type=json', `--patch=${JSON.stringify(ops)}`);

describe.concurrent('somebody else edits the route in mid-release', () => {
  test.for([
    { goes: 'on', order: 'promote', outcome: 'completed' },
    { goes: 'back', order: 'abort', outcome: 'rolledBack' },
  ])('invariant 8: what he wrote is kept to the byte when the release goes $goes', async ({ order, outcome }, { expect }) => {
    const scene = await setScene({ sluice, cluster, spec });
    const users = scene.users(20);
    const digest = await scene.push('1.1.0');
    await halfWay(scene);
    // His new rule comes first, so that ours is not where it was.
    const rule = { match: 'Host(`helga.test`)', kind: 'Rule', priority: 7, services: [{ name: 'assets', port: 80, weight: 3 }] };
    await patch(scene, 'ingressroute', 'helga', [
      { op: 'add', path: '/spec/routes/0', value: rule },
      { op: 'add', path: '/spec/routes/2/priority', value: 77 },
      { op: 'add', path: '/metadata/labels/helga', value: 'was-here' },
      { op: 'add', path: '/metadata/annotations/helga.test~1note', value: 'mine' },
    ]);
    await command(scene, order);
    const release = await scene.ended(1);
    await scene.untilNothingIsLeft();
    const got = await users.stop();

    expect(release.ending).toMatchObject({ outcome });
    expect(got.lost).toEqual([]);
    const route = scene.before['IngressRoute demo'] as { spec: { routes: readonly object[] }; labels: object; annotations: object };
    const [assets, ours] = route.spec.routes;
    expect(await scene.objects()).toEqual({
      ...(outcome === 'completed' ? scene.beforeWithImage(`${scene.image}@${digest}`) : scene.before),
      'IngressRoute demo': {
        ...route,
        labels: { ...route.labels, helga: 'was-here' },
        annotations: { ...route.annotations, 'helga.test/note': 'mine' },
        spec: { ...route.spec, routes: [rule, assets, { ...ours, priority: 77 }] },
      },
    });
  });

  test('a weight of ours that he changes pauses the release, which names him; resumed, it goes on', async ({ expect }) => {
    const scene = await setScene({ sluice, cluster, spec });
    const users = scene.users(20);
    const digest = await scene.push('1.1.0');
    await halfWay(scene);
    await patch(scene, 'ingressroute', 'helga', [{ op: 'replace', path: '/spec/routes/1/services/1/weight', value: 7 }]);
    await command(scene, 'promote');
    const { by, why } = await scene.until('it is paused', ({ paused }) => paused);
    expect(by).toBe('sluice');
    expect(why).toContain('helga changed IngressRoute');

    await command(scene, 'resume');
    const release = await scene.ended(1);
    await scene.untilNothingIsLeft();
    const got = await users.stop();
    expect(release.ending).toMatchObject({ outcome: 'completed' });
    expect(got.lost).toEqual([]);
    expect(await scene.objects()).toEqual(scene.beforeWithImage(`${scene.image}@${digest}`));
  });
});

describe.concurrent("invariant 4: somebody else changes the workload's template in mid-release", () => {
  const template = '/spec/template/metadata/annotations';
  const change = [{ op: 'add', path: template, value: { 'helga.test/note': 'mine' } }];
  const undo = [{ op: 'remove', path: template }];

  test('before the canary grows: paused, named, and it goes on when the change is taken back', async ({ expect }) => {
    const scene = await setScene({ sluice, cluster, spec });
    const digest = await scene.push('1.1.0');
    await halfWay(scene);
    await patch(scene, 'deployment', 'helga', change);
    await command(scene, 'promote');
    const { why } = await scene.until('it is paused', ({ paused }) => paused);
    expect(why).toContain('helga changed the pod template of Deployment');

    await patch(scene, 'deployment', 'helga', undo);
    await command(scene, 'resume');
    const release = await scene.ended(1);
    await scene.untilNothingIsLeft();
    expect(release.ending).toMatchObject({ outcome: 'completed' });
    expect(await scene.objects()).toEqual(scene.beforeWithImage(`${scene.image}@${digest}`));
  });

  test('after it: a person is asked, and abort takes users back and keeps the change', async ({ expect }) => {
    const scene = await setScene({ sluice, cluster, spec: { steps: [{ weight: 100, hold: '1h' }], watch: '1s' } });
    const users = scene.users(20);
    await scene.push('1.1.0');
    await scene.until('all users are on it', ({ seen }) => seen[0]?.canary === 100);
    await patch(scene, 'deployment', 'helga', change);
    await command(scene, 'promote');
    const asked = await scene.until('a person is asked', ({ phase, waitingFor }) => phase === 'halted' && waitingFor.what);
    expect(asked).toContain('helga changed the pod template of Deployment');

    await command(scene, 'abort');
    const release = await scene.ended(1);
    await scene.untilNothingIsLeft();
    const got = await users.stop();
    expect(release.ending).toMatchObject({ outcome: 'rolledBack' });
    expect(got.lost).toEqual([]);
    // Pods of the template before his change may still be on their way out.
    const stable = (await scene.pods('app=demo')).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    expect(stable.length).toBeGreaterThan(0);
    for (const pod of stable) {
      expect(pod.metadata.annotations).toMatchObject({ 'helga.test/note': 'mine' });
      expect(JSON.stringify(pod['spec'])).toContain(`${scene.image}:1.0.0`);
    }
  });
});

test.concurrent('a definition changed in mid-release counts from the next release on', async ({ expect }) => {
  const scene = await setScene({ sluice, cluster, spec: { steps: [half, { weight: 70 }], watch: '1s' } });
  await scene.push('1.1.0');
  await halfWay(scene);
  await sluice.apply({ ...scene.definition, spec: { ...(scene.definition['spec'] as object), steps: [{ weight: 10, hold: '1h' }] } });
  await command(scene, 'promote');
  const first = await scene.ended(1);
  expect(first.ending).toMatchObject({ outcome: 'completed' });
  expect(first.steps.map(({ weight }) => weight)).toEqual([50, 70]);

  await scene.push('1.2.0');
  const steps = await scene.until('the next release is there', ({ n, steps: next }) => n === 2 && next);
  expect(steps.map(({ weight }) => weight)).toEqual([10]);
  await command(scene, 'abort');
  await scene.ended(2);
});

describe.concurrent("an autoscaler's lower bound is raised to what stable had, and given back", () => {
  test.for([
    { end: 'completed', order: 'promote' },
    { end: 'rolledBack', order: 'abort' },
  ])('when the release is $end', async ({ end, order }, { expect }) => {
    const scene = await setScene({ sluice, cluster, replicas: 3, spec, objects: [autoscaler(1, 6)] });
    const digest = await scene.push('1.1.0');
    await halfWay(scene);
    const during = (await scene.objects())['HorizontalPodAutoscaler demo'] as { spec: { minReplicas: number } };
    await command(scene, order);
    const release = await scene.ended(1);
    await scene.untilNothingIsLeft();
    expect(during.spec.minReplicas).toBe(3);
    expect(release.ending).toMatchObject({ outcome: end });
    expect(await scene.objects()).toEqual(end === 'completed' ? scene.beforeWithImage(`${scene.image}@${digest}`) : scene.before);
  });
});

describe.concurrent('a push while another release is under way', () => {
  const secondPush = async (onPush: string) => {
    const scene = await setScene({ sluice, cluster, spec: { ...spec, onPush } });
    const users = scene.users(20);
    await scene.push('1.1.0');
    await halfWay(scene);
    return { scene, users, digest: await scene.push('1.2.0') };
  };

  test('supersedes it: users go back to stable, then on to the newer version', async ({ expect }) => {
    const { scene, users, digest } = await secondPush('supersede');
    await halfWay(scene, 2);
    await command(scene, 'promote');
    const second = await scene.ended(2);
    await scene.untilNothingIsLeft();
    const got = await users.stop();
    const ends = (await sluice.journal(scene.rollout, 1)).at(-1)?.state;
    expect(ends).toBe('rolledBack');
    expect(second.ending).toMatchObject({ outcome: 'completed' });
    expect(got.lost).toEqual([]);
    expect(await scene.objects()).toEqual(scene.beforeWithImage(`${scene.image}@${digest}`));
  });

  test('is queued: its release begins when the other is completed', async ({ expect }) => {
    const { scene, users, digest } = await secondPush('queue');
    await scene.until('it is waiting', (release, { waiting }) => release.n === 1 && waiting[0]?.tag === '1.2.0');
    await command(scene, 'promote');
    await halfWay(scene, 2);
    expect((await sluice.journal(scene.rollout, 1)).at(-1)?.state).toBe('completed');
    await command(scene, 'promote');
    const second = await scene.ended(2);
    await scene.untilNothingIsLeft();
    const got = await users.stop();
    expect(second.ending).toMatchObject({ outcome: 'completed' });
    expect(got.lost).toEqual([]);
    expect(await scene.objects()).toEqual(scene.beforeWithImage(`${scene.image}@${digest}`));
  });

  test('is refused: the journal says so, and nothing follows', async ({ expect }) => {
    const { scene, users } = await secondPush('refuse');
    const said = await waitUntil('it is refused', async () => (await sluice.rolloutJournal(scene.rollout)).find(({ input }) => input.event['tag'] === '1.2.0')?.said);
    expect(said).toContain('refuses 1.2.0');
    await command(scene, 'promote');
    const first = await scene.ended(1);
    await scene.untilNothingIsLeft();
    const got = await users.stop();
    expect(first.ending).toMatchObject({ outcome: 'completed' });
    expect(got.lost).toEqual([]);
    const { waiting, release } = await sluice.view(scene.rollout);
    expect({ waiting, newest: release?.n }).toEqual({ waiting: [], newest: 1 });
  });
});
