import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Ports } from '../infra/ports.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import { expose, exposition, metricTable } from '../infra/telemetry/exposition.ts';
import { runDocument } from '../infra/worker/run.ts';
import { countedMetrics, sumCounts, type Counts } from '../statemachines/counts.ts';
import { parseDefinitions } from '../statemachines/definition/parse.ts';
import type { Json } from '../events/input.ts';
import { panelsOf, queriesOf, readDashboard, rulesOf } from './fixtures/observing.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { definition, quickSteps, served, tokenOf, type Served } from './fixtures/serving.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});
const databaseFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-telemetry-'));
  folders.push(folder);
  return join(folder, 'sluice.db');
};

/** The lines of a text format that are not comments: sample -> value. */
const samplesOf = (text: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );

const textOf = (counts: Counts): string => exposition(expose([{ rollout: 'rollout/pro/demo', counts }], 0));
const demo = 'namespace="pro",rollout="demo"';

describe('what is exposed', () => {
  it('is the text format: described, labelled by rollout, sorted, histograms cumulative', () => {
    const totals = [
      { rollout: 'rollout/pro/web', counts: { sluice_releases_started_total: 2 } },
      {
        rollout: 'rollout/pro/demo',
        counts: { 'sluice_releases{state="watching"}': 1, 'sluice_releases{state="stepping"}': 0, 'sluice_input_wait_seconds_bucket{le="0.05"}': 3, 'sluice_input_wait_seconds_bucket{le="+Inf"}': 1, sluice_input_wait_seconds_sum: 400.25, gone_with_an_old_version: 7 },
      },
    ];
    const text = exposition(expose(totals, 10_000, { waiting: 4, since: 7_500, dead: 1 }));
    const lines = text.split('\n').filter((line) => !/sluice_(signal_to_route|step)_seconds|_ended_total/.test(line));
    expect(lines).toEqual([
      '# HELP sluice_dead_letters Messages that were given up and wait for a person.',
      '# TYPE sluice_dead_letters gauge',
      'sluice_dead_letters 1',
      '# HELP sluice_input_wait_seconds Time that inputs from outside waited until they were judged.',
      '# TYPE sluice_input_wait_seconds histogram',
      `sluice_input_wait_seconds_bucket{${demo},le="0.01"} 0`,
      `sluice_input_wait_seconds_bucket{${demo},le="0.05"} 3`,
      ...['0.25', '1', '5', '15', '60', '300'].map((le) => `sluice_input_wait_seconds_bucket{${demo},le="${le}"} 3`),
      `sluice_input_wait_seconds_bucket{${demo},le="+Inf"} 4`,
      `sluice_input_wait_seconds_sum{${demo}} 400.25`,
      `sluice_input_wait_seconds_count{${demo}} 4`,
      '# HELP sluice_queue_oldest_seconds How long the oldest of them waits; absent while none does, or where the queue cannot tell.',
      '# TYPE sluice_queue_oldest_seconds gauge',
      'sluice_queue_oldest_seconds 2.5',
      '# HELP sluice_queue_waiting Messages that could be taken and were not yet.',
      '# TYPE sluice_queue_waiting gauge',
      'sluice_queue_waiting 4',
      '# HELP sluice_releases Releases under way, by state.',
      '# TYPE sluice_releases gauge',
      `sluice_releases{${demo},state="stepping"} 0`,
      `sluice_releases{${demo},state="watching"} 1`,
      '# HELP sluice_releases_started_total Releases begun.',
      '# TYPE sluice_releases_started_total counter',
      `sluice_releases_started_total{${demo}} 0`,
      'sluice_releases_started_total{namespace="pro",rollout="web"} 2',
      '',
    ]);
  });

  it('begins at 0 where it is rare, so that the first release is an increase', () => {
    const samples = samplesOf(textOf({ sluice_input_wait_seconds_sum: 0.1 }));
    for (const outcome of ['completed', 'rolledBack', 'cancelled', 'refused']) expect(samples[`sluice_releases_ended_total{${demo},outcome="${outcome}"}`]).toBe(0);
    expect(samples[`sluice_signal_to_route_seconds_bucket{${demo},le="0.25"}`]).toBe(0);
    expect(samples[`sluice_step_seconds_count{${demo}}`]).toBe(0);
  });

  it('says nothing of how long the oldest message waits when there is none, or the queue cannot tell', () => {
    expect(exposition(expose([], 0, { waiting: 2, dead: 0 }))).not.toContain('oldest');
  });

  it('keeps observations under bounds that an earlier version had', () => {
    const samples = samplesOf(textOf({ 'sluice_step_seconds_bucket{le="30"}': 2, 'sluice_step_seconds_bucket{le="60"}': 1, sluice_step_seconds_sum: 90 }));
    expect([15, 30, 60, 86_400].map((le) => samples[`sluice_step_seconds_bucket{${demo},le="${le}"}`])).toEqual([0, 2, 3, 3]);
  });

  it('escapes what labels may not hold as it is', () => {
    const [family] = expose([{ rollout: 'rollout/p"r\\o/de\nmo', counts: { 'sluice_releases{state="x"}': 1 } }], 0).filter(({ name }) => name === 'sluice_releases');
    expect(family === undefined ? '' : exposition([family])).toContain('sluice_releases{namespace="p\\"r\\\\o",rollout="de\\nmo",state="x"} 1\n');
  });

  it('counts in each bucket what was observed up to its bound, whatever was observed', () => {
    const { buckets } = countedMetrics.sluice_signal_to_route_seconds;
    const name = 'sluice_signal_to_route_seconds';
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.constantFrom(...buckets)), { maxLength: 60 }), (observed) => {
        const counts = observed.map((seconds): Counts => ({ [`${name}_bucket{le="${buckets.find((bound) => seconds <= bound) ?? '+Inf'}"}`]: 1, [`${name}_sum`]: seconds }));
        const samples = samplesOf(textOf(counts.reduce(sumCounts, {})));
        for (const bound of buckets) expect(samples[`${name}_bucket{${demo},le="${bound}"}`]).toBe(observed.filter((seconds) => seconds <= bound).length);
        for (const all of [`_bucket{${demo},le="+Inf"}`, `_count{${demo}}`]) expect(samples[name + all]).toBe(observed.length);
        expect(samples[`${name}_sum{${demo}}`]).toBeCloseTo(observed.reduce((a, b) => a + b, 0), 6);
      }),
    );
  });
});

const scrape = async ({ url }: Served, person: string | undefined): Promise<{ readonly status: number; readonly type: string | null; readonly text: string }> => {
  const response = await fetch(`${url}/metrics`, person === undefined ? {} : { headers: { authorization: `Bearer ${tokenOf(person)}` } });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

describe('GET /metrics', () => {
  it('needs the token of somebody who may look, and speaks version 0.0.4', async () => {
    const sluice = await served();
    for (const person of [undefined, 'NOBODY', 'HOOK']) expect(await scrape(sluice, person)).toMatchObject({ status: 401 });
    const answer = await scrape(sluice, 'VIC');
    expect(answer).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' });
    expect(samplesOf(answer.text)).toEqual({ sluice_dead_letters: 0, sluice_queue_waiting: 0 });
  });

  it('shows whoever has to do with some rollouts those, and nothing of the queue', async () => {
    const people = (rollouts: string) => ({ ada: { tokens: ['env:ADA'], role: 'operator' as const }, eve: { tokens: ['env:EVE'], role: 'viewer' as const, rollouts: [rollouts] } });
    const ofOthers = await served({ people: people('other/*') });
    await ofOthers.call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    await ofOthers.view(() => true);
    expect(await scrape(ofOthers, 'EVE')).toMatchObject({ status: 200, text: '' });
    const ofTheirs = await served({ people: people('pro/*') });
    await ofTheirs.call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    await ofTheirs.view(() => true);
    const { text } = await scrape(ofTheirs, 'EVE');
    expect(text).toContain(demo);
    expect(text).not.toContain('sluice_queue');
  });

  it('counts a dead letter', async () => {
    const sluice = await served();
    await sluice.call('POST', '/hooks/registry', 'no JSON', { authorization: `Bearer ${tokenOf('HOOK')}` });
    expect(samplesOf((await scrape(sluice, 'VIC')).text)['sluice_dead_letters']).toBe(1);
  });
});

describe('counters', () => {
  it('survive the end of a server, and the next one goes on from them', async () => {
    const database = databaseFile();
    const completed = `sluice_releases_ended_total{${demo},outcome="completed"}`;
    const first = await served({ database });
    await first.call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    await first.push('1.1.0');
    await first.view(({ release }) => release?.phase === 'completed');
    const before = samplesOf((await scrape(first, 'VIC')).text);
    expect(before[completed]).toBe(1);
    await first.stop();

    const second = await served({ database });
    const after = samplesOf((await scrape(second, 'VIC')).text);
    expect(Object.keys(before).filter((sample) => /_(total|bucket|count)\b/.test(sample) && (after[sample] ?? -1) < (before[sample] ?? 0))).toEqual([]);
    await second.push('1.2.0');
    await second.view(({ release }) => release?.n === 2 && release.phase === 'completed');
    await expect.poll(async () => samplesOf((await scrape(second, 'VIC')).text)[completed]).toBe(2);
  });

  it('of two workers add up, also where they get in each other\'s way', async () => {
    const database = databaseFile();
    const clock = heldClock();
    const [one, other] = [openSqlite(database, { clock }), openSqlite(database, { clock })];
    const outer = { clock, cluster: () => Promise.resolve(undefined), registry: {} as Ports['registry'], metrics: () => undefined };
    const names = ['a', 'b'];
    const parsed = parseDefinitions(names.map((name) => definition(quickSteps, name)).join('\n---\n'));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
    const inputs = parsed.rollouts.flatMap((rollout) =>
      Array.from({ length: 10 }, (_, n) => ({ id: `apply-${n}`, document: `rollout/pro/${rollout.name}`, event: { type: 'definition.applied', definition: { ...rollout, watchMs: n } as unknown as Json }, receivedAt: clock.now() })),
    );
    await Promise.all(inputs.map((input, at) => runDocument({ ...outer, ...(at % 2 === 0 ? one : other) }, input.document, [input])));
    for (const { store } of [one, other]) {
      const samples = samplesOf(exposition(expose(await store.totals(), clock.now())));
      expect(names.map((name) => samples[`sluice_input_wait_seconds_count{namespace="pro",rollout="${name}"}`])).toEqual([10, 10]);
    }
    await one.close();
    await other.close();
  });
});

const metricsIn = (query: string): string[] => [...query.matchAll(/\bsluice_\w+/g)].map(([name]) => (name in metricTable ? name : name.replace(/_(bucket|sum|count)$/, '')));

describe('dashboard and alert rules', () => {
  const dashboard = readDashboard();

  it('the dashboard asks for every metric there is, and for none that is not', () => {
    expect([...new Set(queriesOf(dashboard).flatMap(metricsIn))].toSorted()).toEqual(Object.keys(metricTable).toSorted());
  });

  it('the rules ask for none that is not', () => {
    const asked = rulesOf(parse(readFileSync('docs/alert-rules.yml', 'utf8'))).flatMap(({ expr }) => metricsIn(expr));
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.filter((name) => !Object.hasOwn(metricTable, name))).toEqual([]);
  });

  it('states, outcomes and verdicts are spelled as they are counted', () => {
    const spelled = [...queriesOf(dashboard), ...rulesOf(parse(readFileSync('docs/alert-rules.yml', 'utf8'))).map(({ expr }) => expr)].flatMap((query) => [...query.matchAll(/(?:state|outcome)=~?"([^"]*)"/g)].flatMap(([, values = '']) => values.split('|')));
    const known = ['preparing', 'stepping', 'promoting', 'watching', 'settling', 'halted', 'rollingBack', 'retiring', 'restoring', 'completed', 'rolledBack', 'unavailable'];
    expect(spelled.filter((value) => !known.includes(value))).toEqual([]);
  });

  it('every panel has its own number and place, and asks the chosen source', () => {
    const panels = panelsOf(dashboard);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
    for (const panel of panels) for (const { datasource } of panel.targets ?? []) expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
  });

  it('every query that is about rollouts keeps to those chosen', () => {
    for (const query of queriesOf(dashboard)) if (metricsIn(query).some((name) => Object.hasOwn(countedMetrics, name))) expect(query).toContain('namespace=~"$namespace", rollout=~"$rollout"');
    expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([['datasource', 'datasource'], ['namespace', 'query'], ['rollout', 'query']]);
  });
});
