import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import { kit, realCluster } from './helpers.ts';
import { setScene } from './scene.ts';
import { startSluice, type Sluice } from './sluice.ts';

// Traefik as it comes, which gathers changes for two seconds, and the lag that Sluice expects of it without being told.

let cluster: Cluster;
let sluice: Sluice;
beforeAll(async () => {
  await kit('traefik');
  cluster = await realCluster();
  sluice = await startSluice('slow-proxy', { port: 8090 });
});
afterAll(async () => {
  await sluice.stop();
  await cluster.close();
  await kit('traefik', '--throttle', '200ms');
});

describe.concurrent("R01: nobody is lost with Traefik's own throttle and the usual lag", () => {
  const spec = { steps: [{ weight: 50, hold: '1s' }, { weight: 100 }], watch: '1s' };

  test('when a good version goes all the way, through both kinds of route', async ({ expect }) => {
    const scene = await setScene({ sluice, cluster, routes: ['IngressRoute', 'HTTPRoute'], lag: null, spec });
    const users = scene.users(50);
    const digest = await scene.push('1.1.0');
    const release = await scene.ended(1);
    await scene.untilNothingIsLeft();
    const got = await users.stop();

    expect(release.ending).toMatchObject({ outcome: 'completed' });
    expect(got.lost).toEqual([]);
    expect(got.byStatus).toEqual({ 200: got.sent });
    expect(await scene.objects()).toEqual(scene.beforeWithImage(`${scene.image}@${digest}`));
  });

  test('when somebody takes it back half-way', async ({ expect }) => {
    const scene = await setScene({ sluice, cluster, routes: ['IngressRoute', 'HTTPRoute'], lag: null, spec: { ...spec, steps: [{ weight: 50, hold: '1h' }] } });
    const users = scene.users(50);
    await scene.push('1.1.0');
    await scene.until('half of the users are on it', (release) => release.seen.length === 2 && release.seen.every(({ canary }) => canary === 50));
    await sluice.command(scene.rollout, { type: 'abort' });
    const release = await scene.ended(1);
    await scene.untilNothingIsLeft();
    const got = await users.stop();

    expect(release.ending).toMatchObject({ outcome: 'rolledBack', by: 'tester' });
    expect(got.byVersion['1.1.0']).toBeGreaterThan(0);
    expect(got.lost).toEqual([]);
    expect(got.byStatus).toEqual({ 200: got.sent });
    expect(await scene.objects()).toEqual(scene.before);
  });
});
