import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import { realCluster } from './helpers.ts';
import type { LoadReport } from './load.ts';
import { startAlertmanager, startPrometheus, type Server } from './measuring.ts';
import { followRoute, takenBackAt } from './route-log.ts';
import { setScene, type Scene } from './scene.ts';
import { alertToken } from './sluice-client.ts';
import { startSluice, type Sluice } from './sluice.ts';
import { printTable, spreadOf } from './table.ts';

// A version that answers errors: real Prometheus scrapes it, its rule fires, Alertmanager posts, users are taken back.

/** How often each setting is measured; DESIGN section 8 asks for ten. */
const runs = (usual: number): number => Number(process.env['SLUICE_REAL_RUNS'] ?? usual);
const minute = 60_000;

let cluster: Cluster;
let sluice: Sluice;
let alertmanager: Server;
beforeAll(async () => {
  cluster = await realCluster();
  sluice = await startSluice('bad-version', { port: 8090 });
  alertmanager = await startAlertmanager({ webhook: `${sluice.url}/hooks/alerts`, token: alertToken });
});
afterAll(async () => {
  await alertmanager.stop();
  await sluice.stop();
  await cluster.close();
});

/** Milliseconds since the epoch at which each thing happened. */
interface Course {
  readonly firstError: number;
  readonly scraped: number;
  readonly received: number;
  readonly back: number;
  readonly lastCanary: number;
}

/** The time of the first sample that Prometheus holds of an error of this version. */
const firstScrapedError = async (prometheus: Server, namespace: string, version: string): Promise<number> => {
  const query = new URLSearchParams({ query: `http_requests_total{code="500",namespace="${namespace}",version="${version}"}[5m]` });
  const response = await fetch(`${prometheus.url}/api/v1/query?${query.toString()}`);
  const { data } = (await response.json()) as { data: { result: readonly { values: readonly (readonly [number, string])[] }[] } };
  const times = data.result.flatMap(({ values }) => values.filter(([, count]) => Number(count) > 0).map(([time]) => time * 1000));
  return Math.min(...times);
};

/** One bad release from its push to its end, and all that must be true of it. */
const takeBack = async (scene: Scene, prometheus: Server, n: number): Promise<Course> => {
  const version = `1.${n}.0`;
  const users = scene.users(50);
  const log = followRoute(cluster, scene.route);
  const digest = await scene.push(version, { ERROR_RATE: '1' });
  const release = await scene.ended(n, 3 * minute);
  const why = await scene.until('its digest is quarantined', (_, { quarantined }) => quarantined[digest]);
  await scene.untilNothingIsLeft();
  const got = await users.stop();
  await log.stop();

  expect(release.ending).toMatchObject({ outcome: 'rolledBack', bad: true, reason: expect.stringContaining('DemoErrors') });
  expect(why).toContain('DemoErrors');
  expectOnlyItsOwnErrors(got, version);
  expect(await scene.objects()).toEqual(scene.before);

  const journal = await sluice.journal(scene.rollout, n);
  const canary = got.answers.filter((answer) => answer.version === version).map(({ at, tookMs }) => at + tookMs);
  return {
    firstError: Math.min(...canary),
    scraped: await firstScrapedError(prometheus, scene.namespace, version),
    received: journal.find(({ input }) => input.event.type === 'alert' && input.event['status'] === 'firing')?.input.receivedAt ?? Number.NaN,
    back: takenBackAt(log) ?? Number.NaN,
    lastCanary: Math.max(...canary),
  };
};

/** Whoever met the bad version got its errors; everybody else was served. */
const expectOnlyItsOwnErrors = (got: LoadReport, bad: string): void => {
  expect(got.lost).toEqual([]);
  expect(got.byVersion[bad]).toBeGreaterThan(0);
  expect(got.byStatus).toEqual({ 200: got.byVersion['1.0.0'], 500: got.byVersion[bad] });
};

describe.each([
  { every: '5s', times: runs(2), holds: (firstErrorToBack: readonly number[]) => expect(spreadOf(firstErrorToBack).max).toBeLessThanOrEqual(20_000) },
  // Two rounds of one second each lie between an error and its alert, where they fall by chance: 1 s between them in the middle, 2 s at the worst.
  { every: '1s', times: runs(3), holds: (firstErrorToBack: readonly number[]) => expect(spreadOf(firstErrorToBack).median).toBeLessThanOrEqual(1_500) },
])('a bad version is taken back by its alert, and its digest is quarantined', ({ every, times, holds }) => {
  test(`scraped and judged every ${every}`, { timeout: (times + 1) * 2 * minute }, async () => {
    const scene = await setScene({
      sluice,
      cluster,
      spec: {
        // Prometheus takes up new pods every five seconds only: they are known to it before anybody meets them.
        steps: [{ weight: 0, replicas: 1, hold: '8s' }, { weight: 25, hold: '1h' }],
        alerts: [{ match: { alertname: 'DemoErrors' }, do: 'rollback' }],
      },
    });
    // Alertmanager tells of each set of labels once as long as it fires, so the alerts of the two settings differ in theirs.
    const rules = [{ alert: 'DemoErrors', expr: `sum by (namespace, version) (rate(http_requests_total{code="500",namespace="${scene.namespace}"}[15s])) > 0`, labels: { severity: 'critical' } }];
    const prometheus = await startPrometheus({ cluster, namespace: scene.namespace, every, rules });
    const courses: Course[] = [];
    for (let n = 1; n <= times; n += 1) courses.push(await takeBack(scene, prometheus, n));
    await prometheus.stop();

    const between = (from: keyof Course, to: keyof Course): number[] => courses.map((course) => course[to] - course[from]);
    printTable(`bad version, scraped and judged every ${every}`, {
      'first 5xx -> in Prometheus': between('firstError', 'scraped'),
      'in Prometheus -> alert received': between('scraped', 'received'),
      'alert received -> route back, seen by a watch': between('received', 'back'),
      'route back -> last answer of the canary': between('back', 'lastCanary'),
      'first 5xx -> route back': between('firstError', 'back'),
      'first 5xx -> last answer of the canary': between('firstError', 'lastCanary'),
    });
    holds(between('firstError', 'back'));
    expect(Math.max(...between('received', 'back'))).toBeLessThanOrEqual(250);
  });
});
