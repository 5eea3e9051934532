import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import type { JournalRow } from '../../statemachines/document.ts';
import { startAwsSluice, type AwsSluice, type Bill } from './aws-sluice.ts';
import { realCluster, waitUntil } from './helpers.ts';
import { startAlertmanager, startPrometheus } from './measuring.ts';
import { setScene, type Scene } from './scene.ts';
import { alertToken } from './sluice-client.ts';

// The functions as they are deployed, on LocalStack's SQS and a DynamoDB emulator, before the real cluster.

const minute = 60_000;
let cluster: Cluster;
let sluice: AwsSluice;
beforeAll(async () => {
  cluster = await realCluster();
  sluice = await startAwsSluice('aws-delivery', { port: 8090 });
});
afterAll(async () => {
  await sluice.stop();
  await cluster.close();
});

const since = (before: Bill): Bill => {
  const now = sluice.bill();
  return { invocations: now.invocations - before.invocations, byMessages: now.byMessages - before.byMessages, writes: now.writes - before.writes, messages: now.messages - before.messages };
};
/** Looks at pods, routes and measurements: what a release asks more or less often, by how slow the world is. */
const questionsIn = (journal: readonly JournalRow[]): number => journal.filter(({ input }) => /^(fleet\.look|stable\.look|route\.verify|liveness\.look|analysis\.look)\./.test(input.event.type)).length;

/** One release from its push to its end, and what it cost. */
const released = async (scene: Scene, n: number, tag: string): Promise<{ readonly bill: Bill; readonly questions: number; readonly ticks: number }> => {
  const before = sluice.bill();
  const ticks = (): number => sluice.stack.functions['tick']?.tally().invocations ?? 0;
  const ticked = ticks();
  await scene.push(tag);
  const release = await scene.ended(n, 3 * minute);
  expect(release.ending).toMatchObject({ outcome: 'completed' });
  await scene.untilNothingIsLeft();
  return { bill: since(before), questions: questionsIn(await sluice.journal(scene.rollout, n)), ticks: ticks() - ticked };
};

test('R01: a pushed image travels to all users through functions, nobody lost', { timeout: 4 * minute }, async () => {
  const scene = await setScene({ sluice, cluster, spec: { steps: [5, 25, 50, 100].map((weight) => ({ weight, hold: '2s' })), watch: '2s' } });
  const users = scene.users(50);
  const digest = await scene.push('1.1.0');
  const release = await scene.ended(1, 3 * minute);
  await scene.untilNothingIsLeft();
  const got = await users.stop();
  expect(release.ending).toMatchObject({ outcome: 'completed' });
  expect(got.lost).toEqual([]);
  expect(got.byStatus).toEqual({ 200: got.sent });
  expect(await scene.objects()).toEqual(scene.beforeWithImage(`${scene.image}@${digest}`));
  expect(await sluice.replays(scene.rollout, 1)).toMatchObject({ ok: true });
  expect(await sluice.deadLetters()).toEqual([]);
});

test('a bad version is taken back by the alert of a real Alertmanager, and only who met it got its errors', { timeout: 6 * minute }, async () => {
  const scene = await setScene({
    sluice,
    cluster,
    spec: { steps: [{ weight: 0, replicas: 1, hold: '8s' }, { weight: 25, hold: '1h' }], alerts: [{ match: { alertname: 'DemoErrors' }, do: 'rollback' }] },
  });
  const alertmanager = await startAlertmanager({ webhook: `${sluice.url}/hooks/alerts`, token: alertToken });
  const rules = [{ alert: 'DemoErrors', expr: `sum by (namespace, version) (rate(http_requests_total{code="500",namespace="${scene.namespace}"}[15s])) > 0`, labels: { severity: 'critical' } }];
  const prometheus = await startPrometheus({ cluster, namespace: scene.namespace, every: '1s', rules });
  const users = scene.users(50);
  await scene.push('1.1.0', { ERROR_RATE: '1' });
  const release = await scene.ended(1, 3 * minute);
  await scene.untilNothingIsLeft();
  const got = await users.stop();
  await prometheus.stop();
  await alertmanager.stop();
  expect(release.ending).toMatchObject({ outcome: 'rolledBack', bad: true, reason: expect.stringContaining('DemoErrors') });
  expect(got.lost).toEqual([]);
  expect(got.byStatus).toEqual({ 200: got.byVersion['1.0.0'], 500: got.byVersion['1.1.0'] });
  expect(await scene.objects()).toEqual(scene.before);
  const [alert] = (await sluice.journal(scene.rollout, 1)).filter(({ input }) => input.event.type === 'alert' && input.event['status'] === 'firing');
  const back = (await sluice.journal(scene.rollout, 1)).find(({ input }) => input.event.type === 'route.restore.done');
  console.log(`alert received -> route written back: ${(back?.at ?? Number.NaN) - (alert?.input.receivedAt ?? Number.NaN)} ms`);
});

test('the five-step release keeps to its bars on AWS, each question more costs one of each at most, and nothing costs anything afterwards', { timeout: 10 * minute }, async () => {
  const scene = await setScene({ sluice, cluster, spec: { steps: [5, 20, 40, 60, 100].map((weight) => ({ weight, hold: '5s' })), watch: '5s' } });
  const usual = await released(scene, 1, '1.1.0');
  console.log(`five-step release: ${JSON.stringify(usual)}; all since the start: ${sluice.spell()}`);
  expect(usual.bill.invocations).toBeLessThanOrEqual(40);
  expect(usual.bill.writes).toBeLessThanOrEqual(60);
  expect(usual.bill.messages).toBeLessThanOrEqual(40);

  await scene.kubectl('patch', 'deployment', 'demo', '--type=json', '-p', JSON.stringify([{ op: 'add', path: '/spec/template/spec/containers/0/readinessProbe/initialDelaySeconds', value: 12 }]));
  await scene.kubectl('rollout', 'status', 'deployment/demo', '--timeout=80s');
  const slow = await released(scene, 2, '1.2.0');
  console.log(`the same with pods that take 12 s more: ${JSON.stringify(slow)}; all since the start: ${sluice.spell()}`);
  const more = slow.questions - usual.questions;
  expect(more).toBeGreaterThan(0);
  // The registry tells of pulls, too, and each notification is an invocation; they say nothing about the release. Ticks come by the minute: one that finds a document due whose own wake is on its way wakes it once more.
  const ticks = Math.max(0, slow.ticks - usual.ticks);
  expect(slow.bill.byMessages - usual.bill.byMessages).toBeLessThanOrEqual(more + ticks);
  expect(slow.bill.writes - usual.bill.writes).toBeLessThanOrEqual(more);
  expect(slow.bill.messages - usual.bill.messages).toBeLessThanOrEqual(more + ticks);

  const over = sluice.bill();
  const overAt = Date.now();
  await waitUntil('half a minute has passed', () => Date.now() > overAt + 30_000, 60_000, 1_000);
  const after = since(over);
  expect({ ...after, invocations: 0 }).toEqual({ invocations: 0, byMessages: 0, writes: 0, messages: 0 });
  // Half a minute holds one tick at most.
  expect(after.invocations).toBeLessThanOrEqual(1);
});
