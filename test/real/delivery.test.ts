import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import { pushImage, realCluster, waitUntil } from './helpers.ts';
import { setScene } from './scene.ts';
import { sharesByStep } from './shares.ts';
import { startSluice, type Sluice } from './sluice.ts';

// A good version, from `skopeo copy` to all users, through every router at once.

const weights = [5, 25, 50, 100];

let cluster: Cluster;
let sluice: Sluice;
beforeAll(async () => {
  cluster = await realCluster();
  sluice = await startSluice('delivery', { port: 8090 });
});
afterAll(async () => {
  await sluice.stop();
  await cluster.close();
});

describe.concurrent('R01: a pushed image starts its release, which ends with all users on it, nobody lost', () => {
  test.for([
    { through: 'an IngressRoute', routes: ['IngressRoute'] },
    { through: 'an HTTPRoute', routes: ['HTTPRoute'] },
    { through: 'both at once', routes: ['IngressRoute', 'HTTPRoute'] },
  ] as const)('through $through', async ({ through, routes }, { expect }) => {
    const scene = await setScene({ sluice, cluster, routes, spec: { steps: weights.map((weight) => ({ weight, hold: '4s' })), watch: '2s' } });
    const users = scene.users(50);
    const digest = await scene.push('1.1.0');

    await scene.until('the canary is exposed', (release) => release.exposed);
    const images = (await scene.pods('app=demo-canary')).map((pod) => JSON.stringify(pod['spec']));
    const release = await scene.ended(1);
    await scene.untilNothingIsLeft();
    const got = await users.stop();

    expect(release.ending).toMatchObject({ outcome: 'completed' });
    expect(release.startedBy).toBe('push of 1.1.0');
    expect(release.digest).toBe(digest);
    expect(images.length).toBeGreaterThan(0);
    for (const image of images) expect(image).toContain(`${scene.image}@${digest}`);

    const shares = sharesByStep(await sluice.journal(scene.rollout, 1), weights, got.answers, '1.1.0');
    console.log(`through ${through}: ${shares.map((share) => `${share.weight} %: ${share.canary} of ${share.requests}`).join(', ')}; ${got.sent} sent, ${got.lost.length} lost`);
    expect(shares.map((share) => share.weight)).toEqual(weights);
    for (const { weight, requests, canary, tolerance } of shares) {
      expect(requests).toBeGreaterThan(100);
      expect(canary).toBeGreaterThan(0);
      expect(Math.abs(canary - (requests * weight) / 100), `${weight} %`).toBeLessThanOrEqual(tolerance);
    }
    expect(got.lost).toEqual([]);
    expect(got.byStatus).toEqual({ 200: got.sent });

    // R68: the image is all that has changed.
    expect(await scene.objects()).toEqual(scene.beforeWithImage(`${scene.image}@${digest}`));
    expect(await sluice.replays(scene.rollout, 1)).toMatchObject({ ok: true });
  });
});

test.concurrent('R01: a tag that the filter leaves out and another repository start nothing', async ({ expect }) => {
  const scene = await setScene({ sluice, cluster });
  const said = (tag: string) => waitUntil(`${tag} was heard of`, async () => (await sluice.rolloutJournal(scene.rollout)).find(({ input }) => input.event['tag'] === tag)?.said);
  await scene.push('2.0.0-rc.1');
  expect(await said('2.0.0-rc.1')).toContain('does not match');
  await pushImage(`${scene.namespace}/another:1.1.0`, { VERSION: '1.1.0' });
  // The registry tells of pushes in their order: once it has told of this one, it has told of the other.
  await scene.push('2.0.0-rc.2');
  await said('2.0.0-rc.2');
  expect((await sluice.view(scene.rollout)).release).toBeUndefined();
  expect((await sluice.rolloutJournal(scene.rollout)).filter(({ input }) => input.event['tag'] === '1.1.0')).toEqual([]);
});
