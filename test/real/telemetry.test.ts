import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { readConfig } from '../../functions/config.ts';
import { pushMetrics } from '../../functions/telemetry.ts';
import type { Backlog } from '../../infra/queue/port.ts';
import { openSqlite } from '../../infra/sqlite/open.ts';
import type { Push } from '../../infra/telemetry/push.ts';
import { heldClock } from '../fixtures/held-clock.ts';
import { filledIn, queriesOf, readDashboard, rulesOf } from '../fixtures/observing.ts';
import { definition, served, tokenOf } from '../fixtures/serving.ts';
import { aDocument, aRow } from '../fixtures/stored.ts';
import { waitUntil } from './helpers.ts';
import { startOwnPrometheus, type OwnPrometheus } from './own-prometheus.ts';

// Sluice's own metrics in a real Prometheus. Needs no cluster: the release is played on the sandbox.

let prometheus: OwnPrometheus;
beforeAll(async () => {
  prometheus = await startOwnPrometheus();
});
afterAll(() => prometheus.stop());

const second = 1_000;
const minute = 60 * second;
const secrets = { read: () => Promise.reject(new Error('nothing is secret here')) };

describe('remote write', () => {
  const clock = heldClock(Date.now() - 2 * minute);
  const { store, queue, close } = openSqlite(':memory:', { clock });
  afterAll(close);
  let backlog: Backlog = { waiting: 2, since: clock.now() - 4 * second, dead: 0 };
  /** One of several instances of the function that may happen to run. */
  const instance = (at = clock): Push => {
    const push = pushMetrics({ store, clock: at, queue: { ...queue, backlog: () => Promise.resolve(backlog) } }, readConfig({ outbound: { loopback: true }, remoteWrite: { url: `${prometheus.url}/api/v1/write` } }), secrets);
    if (push === undefined) throw new Error('nothing is pushed');
    return push;
  };
  let version = 0;
  const startReleases = (amount: number) => {
    version += 1;
    return store.save(aDocument('rollout/pro/written', version), version - 1, [aRow('rollout/pro/written', version)], { sluice_releases_started_total: amount });
  };
  const started = 'sluice_releases_started_total{job="sluice",instance="sluice",namespace="pro",rollout="written"}';

  test('is taken, and what rose is what increased, whichever instance pushed', async () => {
    const instances = [instance(), instance()];
    for (let n = 0; n < 5; n += 1) {
      await startReleases(2);
      expect(await instances[n % 2]?.()).toMatchObject({ outcome: 'written' });
      if (n < 4) clock.advance(15 * second);
    }
    expect(await prometheus.number(started, clock.now())).toBe(10);
    expect(await prometheus.number(`increase(${started}[1m])`, clock.now())).toBeCloseTo(8, 1);
  });

  test('of a moment that is over is dropped, and so are other numbers of the same one', async () => {
    await startReleases(1);
    expect(await instance()()).toMatchObject({ outcome: 'dropped', reason: expect.stringMatching(/400.*duplicate sample/) });
    expect(await instance(heldClock(clock.now() - minute))()).toMatchObject({ outcome: 'dropped', reason: expect.stringMatching(/400.*out of order/) });
  });

  test('ends at once what can no longer be told', async () => {
    expect(await prometheus.number('sluice_queue_oldest_seconds', clock.now())).toBe(64);
    backlog = { waiting: 0, dead: 0 };
    clock.advance(15 * second);
    expect(await instance()()).toMatchObject({ outcome: 'written' });
    expect(await prometheus.number('sluice_queue_oldest_seconds', clock.now())).toBeUndefined();
    expect(await prometheus.number('sluice_queue_waiting', clock.now())).toBe(0);
  });
});

test('a served Sluice is scraped: its releases, the dashboard and an alert', async () => {
  const sluice = await served();
  const sluices = 'job="sluice",instance=~"127.*"';
  await prometheus.scrape(`${sluice.url}/metrics`, tokenOf('VIC'));
  await sluice.call('PUT', '/api/rollouts', { text: definition('steps: [{weight: 20, hold: 300ms}, {weight: 100}]\nwatch: 100ms') });
  await waitUntil('the rollout is scraped before its first release', async () => (await prometheus.number(`sluice_releases_started_total{${sluices}}`)) === 0);

  await sluice.push('1.1.0');
  await sluice.view(({ release }) => release?.phase === 'completed');
  await sluice.push('1.2.0');
  await sluice.view(({ release }) => release?.n === 2 && release.phase === 'stepping' && release.exposed);
  await sluice.call('POST', '/api/rollouts/pro/demo/commands', { type: 'abort', reason: 'bad' });
  await sluice.view(({ release }) => release?.n === 2 && release.phase === 'rolledBack');

  const ended = (outcome: string) => `sluice_releases_ended_total{${sluices},outcome="${outcome}"}`;
  await waitUntil('both ends are scraped', async () => (await prometheus.number(ended('completed'))) === 1 && (await prometheus.number(ended('rolledBack'))) === 1);
  expect(await prometheus.number(`increase(${ended('rolledBack')}[5m])`)).toBeGreaterThan(0.9);
  expect(await prometheus.number(`sum(sluice_releases{${sluices}})`)).toBe(0);
  expect(await prometheus.number(`sluice_signal_to_route_seconds_count{${sluices}}`)).toBe(1);
  const quantile = await prometheus.number(`histogram_quantile(0.5, sum by (le) (increase(sluice_signal_to_route_seconds_bucket{${sluices}}[5m])))`);
  expect(quantile).toBeGreaterThan(0);
  expect(quantile).toBeLessThan(1);
  expect(await prometheus.api('metadata', { metric: 'sluice_step_seconds' })).toEqual({ sluice_step_seconds: [{ type: 'histogram', help: 'Time from entering a step to leaving it.', unit: '' }] });

  const dashboard = readDashboard();
  const now = Date.now() / 1_000;
  const silent: string[] = [];
  for (const query of queriesOf(dashboard)) {
    const data = (await prometheus.api('query_range', { query: filledIn(query), start: String(now - 300), end: String(now), step: '15' })) as { result: readonly unknown[] };
    if (data.result.length === 0) silent.push(query);
  }
  // Nothing was analysed here and nothing failed.
  expect(silent.filter((query) => !/sluice_verdicts_total|outcome="unavailable"|sluice_queue_oldest_seconds/.test(query))).toEqual([]);
  for (const label of ['namespace', 'rollout']) expect(await prometheus.api(`label/${label}/values`, { 'match[]': 'sluice_releases_started_total' })).toEqual(expect.arrayContaining([label === 'namespace' ? 'pro' : 'demo']));

  const { groups } = (await prometheus.api('rules')) as { groups: readonly { rules: readonly { name: string; health: string; lastError?: string }[] }[] };
  const rules = rulesOf(parse(readFileSync('docs/alert-rules.yml', 'utf8')));
  expect(groups.flatMap((group) => group.rules.map(({ name, health }) => [name, health]))).toEqual(rules.map(({ alert }) => [alert, 'ok']));
  await sluice.call('POST', '/hooks/registry', 'no JSON', { authorization: `Bearer ${tokenOf('HOOK')}` });
  const firing = await waitUntil('the dead letter has fired its alert', async () => {
    const { alerts } = (await prometheus.api('alerts')) as { alerts: readonly { labels: { alertname: string }; state: string; annotations: { summary: string } }[] };
    return alerts.find(({ labels, state }) => labels.alertname === 'SluiceDeadLetters' && state === 'firing');
  });
  expect(firing.annotations.summary).toBe('Messages that were given up: 1');
});

/** Series by minute, the minute at which an alert may not fire yet, and the one at which it must. */
const courses: readonly { readonly alert: string; readonly series: Readonly<Record<string, string>>; readonly quiet: string; readonly fires: string; readonly says: string; readonly labels?: Readonly<Record<string, string>> }[] = [
  { alert: 'SluiceDeadLetters', series: { sluice_dead_letters: '0 0 3x5' }, quiet: '1m', fires: '2m', says: 'Messages that were given up: 3' },
  { alert: 'SluiceReleaseHalted', series: { 'sluice_releases{namespace="pro",rollout="demo",state="halted"}': '1x20' }, quiet: '9m', fires: '10m', says: 'The release of pro/demo is halted: stable does not come up with the new version', labels: { namespace: 'pro', rollout: 'demo' } },
  { alert: 'SluiceReleaseWaiting', series: { 'sluice_releases{namespace="pro",rollout="demo",state="stepping"}': '1x1500' }, quiet: '1439m', fires: '1440m', says: 'pro/demo has been between two versions for a day', labels: { namespace: 'pro', rollout: 'demo' } },
  { alert: 'SluiceWayBackUnfinished', series: { 'sluice_releases{namespace="pro",rollout="demo",state="rollingBack"}': '1x9' }, quiet: '1m', fires: '2m', says: 'pro/demo is rolling back and its routes are not back yet', labels: { namespace: 'pro', rollout: 'demo' } },
  { alert: 'SluiceWayBackSlow', series: { 'sluice_signal_to_route_seconds_bucket{le="5"}': '0x9', 'sluice_signal_to_route_seconds_bucket{le="15"}': '0 0 0 1x6', 'sluice_signal_to_route_seconds_bucket{le="+Inf"}': '0 0 0 1x6' }, quiet: '2m', fires: '3m', says: 'Going back took 14s (nine of ten within it, last hour)' },
  {
    alert: 'SluiceEffectsFail',
    series: { 'sluice_effects_total{namespace="pro",rollout="demo",effect="route.write",outcome="unavailable"}': '0+4x30', 'sluice_effects_total{namespace="pro",rollout="demo",effect="route.write",outcome="done"}': '0+1x30' },
    quiet: '10m',
    fires: '11m',
    says: 'Most attempts of route.write for pro/demo fail',
    labels: { namespace: 'pro', rollout: 'demo', effect: 'route.write' },
  },
  { alert: 'SluiceQueueOld', series: { sluice_queue_oldest_seconds: '59 70 130 190' }, quiet: '1m', fires: '2m', says: 'A message has waited for 2m 10s; nobody takes it' },
  { alert: 'SluiceInputsWait', series: { 'sluice_input_wait_seconds_bucket{le="15"}': '0+1x30', 'sluice_input_wait_seconds_bucket{le="60"}': '0+9x30', 'sluice_input_wait_seconds_bucket{le="+Inf"}': '0+9x30' }, quiet: '5m', fires: '6m', says: 'Inputs wait for 54.94s until they are judged' },
  { alert: 'SluiceMetricsAbsent', series: { sluice_queue_waiting: '0 0 _x30' }, quiet: '11m', fires: '12m', says: 'Sluice has sent no metrics for ten minutes' },
];

test('each alert rule fires when it should and not before, by the clock of promtool', async () => {
  const rules = rulesOf(parse(readFileSync('docs/alert-rules.yml', 'utf8')));
  expect(courses.map(({ alert }) => alert)).toEqual(rules.map(({ alert }) => alert));
  const ruleOf = (name: string) => rules.find(({ alert }) => alert === name);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-rules-'));
  const file = join(folder, 'test.yml');
  const tests = courses.map(({ alert, series, quiet, fires, says, labels = {} }) => ({
    name: alert,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values: spelledOut(values) })),
    alert_rule_test: [
      { eval_time: quiet, alertname: alert, exp_alerts: [] },
      { eval_time: fires, alertname: alert, exp_alerts: [{ exp_labels: { severity: ruleOf(alert)?.labels.severity, ...labels }, exp_annotations: { summary: says, description: ruleOf(alert)?.annotations.description } }] },
    ],
  }));
  await writeFile(file, JSON.stringify({ rule_files: [resolve('docs/alert-rules.yml')], evaluation_interval: '1m', tests }));
  const run = promisify(execFile);
  await run('promtool', ['check', 'rules', 'docs/alert-rules.yml']);
  await run('promtool', ['test', 'rules', file]).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${error.stdout}${error.stderr}`);
  });
  await rm(folder, { recursive: true });
});

/** promtool writes a constant that repeats as a rise of nothing. */
const spelledOut = (values: string): string => values.replaceAll(/(^| )(\d+)x(\d+)/g, '$1$2+0x$3');
