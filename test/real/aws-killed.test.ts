import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import { openApiGate, type ApiGate, type GateRequest } from './api-gate.ts';
import { startAwsSluice, type AwsSluice } from './aws-sluice.ts';
import { realCluster, waitUntil } from './helpers.ts';
import { followRoute } from './route-log.ts';
import { setScene, type Scene } from './scene.ts';
import { printTable } from './table.ts';

// A worker killed in mid-rollback, on AWS: what brings the route back is the queue's visibility time-out or, when the message is lost, the tick.

const minute = 60_000;
const runs = Number(process.env['SLUICE_REAL_RUNS'] ?? 1);
let cluster: Cluster;
let gate: ApiGate;
let sluice: AwsSluice;
let scene: Scene;
beforeAll(async () => {
  cluster = await realCluster();
  gate = await openApiGate();
  sluice = await startAwsSluice('aws-killed', { kubeconfig: gate.kubeconfig });
  // Behind a fragile router the wake of the next look at the pods would come before the redelivery.
  scene = await setScene({ sluice, cluster, routes: ['HTTPRoute'], spec: { steps: [{ weight: 25, hold: '1h' }], alerts: [{ match: { alertname: 'Ill' }, do: 'rollback' }] } });
});
afterAll(async () => {
  await sluice.stop();
  await gate.close();
  await cluster.close();
});

const restores = ({ method, path }: GateRequest): boolean => method === 'PATCH' && path.includes('/httproutes/');

/** Kills all workers while the write back is on its way, which is lost. Milliseconds from the kill until the route is back. */
const killedWhileRestoring = async (n: number, andThen: () => Promise<void>): Promise<number> => {
  const version = `1.${n}.0`;
  await scene.push(version);
  await scene.start(version);
  await scene.until('a quarter of the users is on it', (release) => release.n === n && release.seen[0]?.canary === 25);
  const log = followRoute(cluster, scene.route);
  const alert = { labels: { alertname: 'Ill', version }, startsAt: new Date() };
  const held = gate.hold('request', restores);
  await sluice.alert({ ...alert, status: 'firing' });
  await held.arrived;
  const killedAt = Date.now();
  await sluice.killWorkers();
  held.drop();
  await andThen();
  const { at } = await waitUntil('the route is back', () => log.changes.find(({ canary }) => canary === undefined), 2 * minute, 20);
  const release = await scene.ended(n, 2 * minute);
  await scene.untilNothingIsLeft();
  await sluice.alert({ ...alert, status: 'resolved' });
  await log.stop();
  expect(release.ending).toMatchObject({ outcome: 'rolledBack', bad: true, reason: expect.stringContaining('Ill') });
  expect(await scene.objects()).toEqual(scene.before);
  return at - killedAt;
};

test('invariant 10: a worker killed in mid-rollback is followed by another, by redelivery or by the tick', { timeout: 20 * minute }, async () => {
  const users = scene.users(20);
  const measured = { redelivery: [] as number[], tick: [] as number[] };
  let n = 0;
  for (let run = 0; run < runs; run += 1) {
    measured.redelivery.push(await killedWhileRestoring((n += 1), () => Promise.resolve()));
    measured.tick.push(await killedWhileRestoring((n += 1), () => sluice.loseMessages()));
  }
  const got = await users.stop();
  printTable('AWS, worker killed in mid-rollback: kill -> route back', { 'by redelivery': measured.redelivery, 'every message lost, by the tick': measured.tick });
  expect(Math.max(...measured.redelivery)).toBeLessThanOrEqual(25_000);
  expect(Math.max(...measured.tick)).toBeLessThanOrEqual(75_000);
  expect(got.lost).toEqual([]);
});
