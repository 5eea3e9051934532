import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import { realCluster } from './helpers.ts';
import { followRoute, takenBackAt } from './route-log.ts';
import { setScene } from './scene.ts';
import { startSluice, type Sluice } from './sluice.ts';
import { printTable } from './table.ts';

let cluster: Cluster;
let sluice: Sluice;
beforeAll(async () => {
  cluster = await realCluster();
  sluice = await startSluice('killed-canary');
});
afterAll(async () => {
  await sluice.stop();
  await cluster.close();
});

/** DESIGN section 4: looked at every 10 s, gone on two looks. */
const backWithinMs = 25_000;

test('invariant 9: all canary pods are killed at 25 % behind Traefik, and users are back on stable without any alert', async () => {
  const scene = await setScene({ sluice, cluster, replicas: 4, spec: { steps: [{ weight: 25, replicas: 2, hold: '1h' }] } });
  await scene.push('1.1.0');
  const users = scene.users(50);
  const log = followRoute(cluster, scene.route);
  await scene.start('1.1.0');
  await scene.until('a quarter of the users is on it', ({ seen }) => seen[0]?.canary === 25);

  const killedAt = Date.now();
  await scene.kubectl('scale', 'deployment/demo-canary', '--replicas=0');
  await scene.kubectl('delete', 'pods', '--selector=app=demo-canary', '--grace-period=0', '--force');
  const release = await scene.ended(1);
  await scene.untilNothingIsLeft();
  const got = await users.stop();
  await log.stop();

  const [firstLost, lastLost] = [got.lost[0], got.lost.at(-1)];
  const servedAgainAt = (lastLost?.at ?? killedAt) + (lastLost?.tookMs ?? 0);
  printTable(`all canary pods killed at 25 %: ${got.lost.length} of ${got.sent} requests lost at 50/s`, {
    'killed -> first lost': [(firstLost?.at ?? Number.NaN) - killedAt],
    'killed -> route back': [(takenBackAt(log) ?? Number.NaN) - killedAt],
    'killed -> last lost': [servedAgainAt - killedAt],
  });
  expect(release.ending).toMatchObject({ outcome: 'rolledBack', bad: true, reason: expect.stringContaining('lost all its pods') });
  expect(servedAgainAt - killedAt).toBeLessThanOrEqual(backWithinMs);
  // Traefik drops the whole route while the canary has no pod: what was lost was lost in between.
  expect(got.lost.filter(({ at }) => at < killedAt)).toEqual([]);
  expect(got.byVersion['1.1.0']).toBeGreaterThan(0);
  expect(await scene.objects()).toEqual(scene.before);
});
