import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import { openApiGate, type ApiGate, type GateRequest } from './api-gate.ts';
import { chance } from './chance.ts';
import { realCluster, waitUntil } from './helpers.ts';
import { followRoute } from './route-log.ts';
import { setScene, type Scene } from './scene.ts';
import { startSluice, type Sluice } from './sluice.ts';
import { printTable, spreadOf } from './table.ts';

// kill -9 of the process, restarted at once by whoever supervises it.

let cluster: Cluster;
beforeAll(async () => {
  cluster = await realCluster();
});
afterAll(() => cluster.close());

test('invariant 10: killed at ten random instants, releases end as if nothing had been', { timeout: 300_000 }, async () => {
  const kills = 10;
  /** About as long as one of these releases takes, so that the instants are spread over all of it. */
  const spreadOverMs = 20_000;
  const random = chance('kills');
  const sluice = await startSluice('killed-often');
  const scenes = await Promise.all([20, 40, 60].map((weight) => setScene({ sluice, cluster, spec: { steps: [{ weight, hold: '2s' }, { weight: 100, hold: '1s' }], watch: '2s' } })));
  const users = scenes.map((scene) => scene.users(20));
  const underWay = async (): Promise<number> =>
    (await Promise.all(scenes.map((scene) => sluice.view(scene.rollout)))).filter(({ release }) => release !== undefined && release.endedAt === undefined).length;

  let round = 0;
  let digests: readonly string[] = [];
  /** One after the other, so that each kill finds them in different states. */
  const begin = async (): Promise<void> => {
    round += 1;
    const version = `1.${round}.0`;
    digests = await Promise.all(scenes.map((scene) => scene.push(version)));
    for (const scene of scenes) {
      await scene.start(version);
      await sleep(random() * 2_000);
    }
  };
  const found: number[] = [];
  while (found.length < kills) {
    if ((await underWay()) === 0) await begin();
    await sleep((random() * 2 * spreadOverMs) / kills);
    const many = await underWay();
    if (many === 0) continue;
    found.push(many);
    await sluice.kill();
    await sluice.start();
  }
  const releases = await Promise.all(scenes.map((scene) => scene.ended(round)));
  await Promise.all(scenes.map((scene) => scene.untilNothingIsLeft()));
  const got = await Promise.all(users.map((each) => each.stop()));

  console.log(`${kills} kills over ${round} rounds of ${scenes.length} releases found ${found.join(', ')} under way`);
  for (const [at, scene] of scenes.entries()) {
    expect(releases[at]?.ending).toMatchObject({ outcome: 'completed' });
    expect(got[at]?.lost).toEqual([]);
    expect(await scene.objects()).toEqual(scene.beforeWithImage(`${scene.image}@${digests[at]}`));
    for (let n = 1; n <= round; n += 1) {
      expect((await sluice.journal(scene.rollout, n)).at(-1)?.state).toBe('completed');
      expect(await sluice.replays(scene.rollout, n)).toMatchObject({ ok: true });
    }
  }
  expect(await sluice.deadLetters()).toEqual([]);
  await sluice.stop();
});

describe('killed in the middle of a rollback', () => {
  const runs = Number(process.env['SLUICE_REAL_RUNS'] ?? 3);
  /** DESIGN section 8; on a machine where even a bare process needs half of it, twice what that needs. */
  const backWithinMs = 1_000;
  /** A process that only starts, loads the cluster client and asks for one object: what a machine with other work to do allows at best. */
  const bareStart = async (): Promise<number> => {
    const spawnedAt = performance.now();
    const bare = spawn(process.execPath, ['--input-type=module', '--eval', bareScript], { stdio: 'inherit', env: { ...process.env, NODE_COMPILE_CACHE: tmpdir() } });
    const [code] = await once(bare, 'exit');
    expect(code).toBe(0);
    return performance.now() - spawnedAt;
  };
  const bareScript = `const { KubeConfig, CoreV1Api } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(process.env.KUBECONFIG);
    await config.makeApiClient(CoreV1Api).readNamespace({ name: 'default' });`;
  const restores = ({ method, path }: GateRequest): boolean => method === 'PATCH' && path.includes('/ingressroutes/');

  /** Milliseconds from the restart until it listens, and until the route was back; the latter is negative when it was back before. */
  interface Comeback {
    readonly listens: number;
    readonly back: number;
  }

  /** Kills the process at one moment of a rollback and starts it again. */
  const killedWhile = async (kill: (alert: () => Promise<void>) => Promise<void>, sluice: Sluice, scene: Scene, n: number): Promise<Comeback> => {
    const version = `1.${n}.0`;
    await scene.push(version);
    await scene.start(version);
    await scene.until('a quarter of the users is on it', (release) => release.n === n && release.seen[0]?.canary === 25);
    const log = followRoute(cluster, scene.route);
    const alert = { labels: { alertname: 'Ill', version }, startsAt: new Date() };
    await kill(() => sluice.alert({ ...alert, status: 'firing' }));
    await sluice.kill();
    const restartedAt = await sluice.start();
    const listens = Date.now() - restartedAt;
    const { at } = await waitUntil('the route is back', () => log.changes.find(({ canary }) => canary === undefined), 30_000, 5);
    const release = await scene.ended(n);
    await scene.untilNothingIsLeft();
    await sluice.alert({ ...alert, status: 'resolved' });
    await log.stop();
    expect(release.ending).toMatchObject({ outcome: 'rolledBack', bad: true, reason: expect.stringContaining('Ill') });
    expect(await scene.objects()).toEqual(scene.before);
    return { listens, back: at - restartedAt };
  };

  let gate: ApiGate;
  beforeAll(async () => {
    gate = await openApiGate();
  });
  afterAll(() => gate.close());

  test('the route is back at once after the restart', { timeout: 300_000 }, async () => {
    const random = chance('kills in mid-rollback');
    const sluice = await startSluice('killed-in-rollback', { kubeconfig: gate.kubeconfig });
    const scene = await setScene({ sluice, cluster, spec: { steps: [{ weight: 25, hold: '1h' }], alerts: [{ match: { alertname: 'Ill' }, do: 'rollback' }] } });
    const users = scene.users(20);
    const moments: Record<string, (alert: () => Promise<void>) => Promise<void>> = {
      'as soon as the alert was accepted': async (alert) => {
        await alert();
        await sleep(random() * 20);
      },
      'while the write back is on its way, which is lost': async (alert) => {
        const held = gate.hold('request', restores);
        await alert();
        await held.arrived;
        held.drop();
      },
      'when the write back has happened and nobody was told': async (alert) => {
        const held = gate.hold('answer', restores);
        await alert();
        await held.arrived;
        held.drop();
      },
    };
    const bare: number[] = [];
    const comebacks: Record<string, Comeback[]> = {};
    let n = 0;
    for (const [moment, kill] of Object.entries(moments))
      for (let run = 0; run < runs; run += 1) {
        (comebacks[moment] ??= []).push(await killedWhile(kill, sluice, scene, (n += 1)));
        bare.push(await bareStart());
      }
    const got = await users.stop();
    await sluice.stop();

    const all = Object.values(comebacks).flat();
    printTable('killed in mid-rollback: restart -> route back (negative: it was back before)', {
      ...Object.fromEntries(Object.entries(comebacks).map(([moment, each]) => [moment, each.map(({ back }) => back)])),
      'restart -> listens': all.map(({ listens }) => listens),
      'bare: start, load the cluster client, one GET': bare,
    });
    expect(Math.max(...all.map(({ back }) => back))).toBeLessThanOrEqual(Math.max(backWithinMs, 2 * spreadOf(bare).max));
    expect(got.lost).toEqual([]);
  });
});
