import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderFleet } from '../cli/text/fleet.ts';
import { renderFrame } from '../cli/text/frame.ts';
import { renderRow } from '../cli/text/journal.ts';
import { lookOf } from '../cli/text/look.ts';
import { fit, harmless, widthOf, wrap } from '../cli/text/measure.ts';
import { renderLine } from '../cli/text/one-line.ts';
import { renderHistory, renderMistakes, renderPlan } from '../cli/text/tables.ts';
import type { PlanView } from '../statemachines/plan.ts';
import { clock, elapsed, left, shortDigest } from '../web/public/words.js';
import { inputWords, stateWords } from '../web/public/journal-words.js';
import { hurting, path, sides } from '../web/public/release-words.js';
import { view } from './fixtures/canned-api.ts';

const zone = process.env['TZ'];
beforeAll(() => void (process.env['TZ'] = 'UTC'));
afterAll(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const scenes = ['preparing', 'scaling', 'hold', 'notYet', 'measured', 'approval', 'paused', 'watching', 'halted', 'failing', 'rollingBack', 'rolledBack', 'aborted', 'completed', 'refused'] as const;
const releaseOf = (name: string) => {
  const { release } = view(name).rollout;
  if (release === undefined) throw new Error(`the view ${name} has no release`);
  return release;
};
const plain = (columns: number) => lookOf(columns, false);
const withoutColours = (text: string): string => text.replace(/\u001b\[\d+m/g, '');

describe('the frame of a release', () => {
  test.each(scenes)('%s looks as committed', async (name) => {
    const { rollout, now } = view(name);
    await expect(`${renderFrame(rollout, now, plain(80))}\n`).toMatchFileSnapshot(`fixtures/views/${name}.txt`);
  });

  test.each(scenes)('%s fits every width, also with names in wide characters', (name) => {
    const { rollout, now } = view(name);
    const wide = JSON.parse(JSON.stringify(rollout).replaceAll('quarter', '四分之一的用户👩‍👩‍👧').replaceAll('the A/B group', '深圳 A/B 组')) as typeof rollout;
    for (const columns of [40, 53, 60, 80, 110, 200])
      for (const line of renderFrame(wide, now, plain(columns)).split('\n')) expect(widthOf(line), `${columns}: ${line}`).toBeLessThanOrEqual(columns);
  });

  test.each(scenes)('%s says the same with colours as without', (name) => {
    const { rollout, now } = view(name);
    expect(withoutColours(renderFrame(rollout, now, lookOf(80, true)))).toBe(renderFrame(rollout, now, plain(80)));
  });

  test('counts down by the time it is given', () => {
    const { rollout, now } = view('hold');
    expect(renderFrame(rollout, now, plain(80))).toContain('23 s left');
    expect(renderFrame(rollout, now + 5_000, plain(80))).toContain('18 s left');
  });

  test('shows a long way around the present step only', () => {
    const { rollout, now } = view('hold');
    const release = releaseOf('hold');
    const many = Array.from({ length: 40 }, (_, index) => ({ index, name: `step-${index}`, weight: index, gates: [], state: index < 20 ? ('done' as const) : index === 20 ? ('current' as const) : ('todo' as const) }));
    const frame = renderFrame({ ...rollout, release: { ...release, steps: many } }, now, plain(80));
    expect(frame).toContain('● step-20');
    expect(frame).toContain('… 16 before');
    expect(frame).toContain('… 16 after');
  });

  test('a rollout without a release says how to start one', () => {
    const { release: _release, ...rollout } = view('hold').rollout;
    expect(renderFrame(rollout, 0, plain(80))).toContain('sluice start pro/demo');
  });
});

describe('red', () => {
  const red = '\u001b[31m';
  test.each(scenes)('%s: only where users are on a version known to be bad', (name) => {
    const { rollout, now } = view(name);
    expect(renderFrame(rollout, now, lookOf(80, true)).includes(red)).toBe(name === 'failing');
  });
  test('is never the only sign', () => {
    const { rollout, now } = view('failing');
    expect(hurting(releaseOf('failing'))).toBe(true);
    expect(renderFrame(rollout, now, plain(80))).toMatch(/canary.*failing/);
  });
});

describe('who meets which version', () => {
  test('an exposed canary that nobody has seen yet is not called 0 % without saying so', () => {
    const [stable, canary] = sides({ ...releaseOf('hold'), seen: [], exposed: true, wanted: 5 }, 0);
    expect(stable?.percent).toBe(100);
    expect(canary?.notes).toEqual(expect.arrayContaining(['not seen in effect yet', 'going to 5 %']));
  });
  test('routes that differ are told apart', () => {
    const release = releaseOf('hold');
    const seen = [{ route: 'a', canary: 5, at: 0 }, { route: 'b', canary: 0, at: 0 }];
    expect(sides({ ...release, seen }, 0)[1]?.notes.join()).toContain('a 5 %, b 0 %');
  });
  test('a release that is over shows no canary, and stable is the version it ended with', () => {
    expect(sides(releaseOf('completed'), 0).map(({ role, version, percent }) => [role, version, percent])).toEqual([['stable', '1.5.0', 100]]);
    expect(sides(releaseOf('rolledBack'), 0).map(({ role, version, percent }) => [role, version, percent])).toEqual([['stable', '1.4.2', 100]]);
  });
  test('the step where a release turned back is marked', () => {
    expect(path(releaseOf('rolledBack'), 0).map(({ mark }) => mark)).toEqual(['done', 'back', 'todo', 'todo', 'todo']);
    expect(path(releaseOf('refused'), 0).map(({ mark }) => mark)).toEqual(['todo', 'todo', 'todo', 'todo', 'todo']);
    expect(path(releaseOf('watching'), 0).at(-1)?.mark).toBe('now');
  });
});

describe('one plain line', () => {
  test('does not change by the mere passing of time', () => {
    for (const name of scenes) expect(renderLine(view(name).rollout)).not.toMatch(/ left| ago/);
  });
  test('tells step, weight, pods, verdicts and what is waited for', () => {
    expect(renderLine(view('measured').rollout)).toBe(
      'pro/demo  release 2  1.5.0  step 2 of 4  canary 25 %  2/2 ready  health pass 2/3  waiting for the hold to end; analysis health: 2 of 3 looks passed, the last pass until 16:10:40',
    );
  });
});

describe('the fleet', () => {
  test('puts first what needs somebody, then what moves, then the rest', () => {
    const named = (scene: string, name: string) => ({ ...view(scene).rollout, name });
    const now = view('approval').now;
    const text = renderFleet({ rollouts: [named('completed', 'shop'), named('measured', 'checkout'), named('approval', 'demo')], deadLetters: 2, sandbox: true, now }, plain(80));
    const order = ['sandbox', 'needs you', 'pro/demo', 'Are the numbers', 'moving', 'pro/checkout', 'quiet', 'pro/shop', '2 messages'].map((part) => text.indexOf(part));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(Math.min(...order)).toBeGreaterThanOrEqual(0);
    for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(80);
  });
});

test('mistakes are lined up, each with its place', () => {
  const text = renderMistakes(
    [
      { file: 'rollout.yaml', line: 14, column: 7, field: 'spec.steps[2].wieght', message: 'unknown field; did you mean `weight`?' },
      { file: 'rollout.yaml', line: 9, column: 5, field: 'spec.watch', message: 'a duration is a whole number and a unit' },
    ],
    'nothing was changed',
  );
  expect(text).toBe(
    ['rollout.yaml:14:7   steps[2].wieght   unknown field; did you mean `weight`?', 'rollout.yaml:9:5    watch             a duration is a whole number and a unit', '2 mistakes, nothing was changed'].join('\n'),
  );
});

test('a plan lists every write, the way back and why it would be refused', () => {
  const plan: PlanView = {
    namespace: 'pro',
    name: 'demo',
    from: '1.4.2',
    to: '1.5.0',
    widest: 10,
    steps: [
      { name: 'first', writes: [{ verb: 'create', kind: 'Deployment', object: 'pro/demo-canary', change: '1 replica, image 1.5.0' }, { verb: 'patch', kind: 'IngressRoute', object: 'pro/demo', change: 'weights demo 95, demo-canary 5' }] },
      { name: 'look', writes: [] },
    ],
    back: [{ verb: 'patch', kind: 'IngressRoute', object: 'pro/demo', change: 'demo 100, demo-canary removed' }],
    problems: ['the route has two rules'],
  };
  expect(renderPlan(plan, plain(80))).toBe(
    [
      'pro/demo 1.5.0 over 1.4.2: 2 stages, 2 writes, widest need 10 pods',
      '',
      ' first  create  Deployment    pro/demo-canary  1 replica, image 1.5.0',
      '        patch   IngressRoute  pro/demo         weights demo 95, demo-canary 5',
      ' look   no write',
      '',
      'from any step back: 1 write',
      '        patch   IngressRoute  pro/demo         demo 100, demo-canary removed',
      '',
      'this release would be refused:',
      '  the route has two rules',
    ].join('\n'),
  );
  expect(renderPlan(plan, plain(60)).replace(/\s+/g, ' ')).toContain('weights demo 95, demo-canary 5');
});

test('the history says how each release ended and who started it', () => {
  const now = view('completed').now;
  const text = renderHistory([releaseOf('rolledBack'), releaseOf('completed')], now, plain(200));
  expect(text).toContain('rolled back after 43 s: alert HighErrorRate');
  expect(text).toContain('started by push of 1.5.0');
});

describe('the journal', () => {
  const row = (name: string, type: string) => {
    const found = view(name).rows.find(({ input }) => input.event.type === type);
    if (found === undefined) throw new Error(`no ${type} in ${name}`);
    return found;
  };
  test('an alert: what, who, what follows', () => {
    const { now } = view('rollingBack');
    expect(renderRow(row('rollingBack', 'alert'), now, plain(100))).toBe(
      ['16:03:00  alert HighErrorRate firing: 12.3 % of answers are 5xx', '          → rollingBack.writing · asks: write the way back'].join('\n'),
    );
  });
  test('a person is named, with the words given', () => {
    const { now } = view('aborted');
    expect(renderRow(row('aborted', 'abort'), now, plain(100))).toContain('abort: prices are wrong, by li.wang');
  });
  test('a measurement carries its numbers', () => {
    expect(inputWords(row('failing', 'analysis.look.done').input)).toBe('measured: canary 96 bad of 612, stable 2 of 1841');
  });
  test('states at rest are left out', () => {
    expect(stateWords({ stepping: { gating: { hold: 'counting', liveness: 'off', 'analysis-health': 'unused' } } })).toBe('stepping.gating (hold counting)');
    expect(stateWords({ stepping: { gating: { hold: 'done', liveness: 'off' } } })).toBe('stepping.gating');
    expect(stateWords('completed')).toBe('completed');
  });
});

describe('text from outside', () => {
  test('cannot steer the terminal', () => {
    expect(harmless('a\u001b[2Jb\r\nc\u0007\u009b31m\u202Etxt')).toBe('a [2Jb c 31mtxt');
  });
  test('is never wider than its room, and loses no word when wrapped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 8, max: 40 }), (text, columns) => {
        const clean = harmless(text);
        expect(widthOf(fit(clean, columns))).toBeLessThanOrEqual(columns);
        const lines = wrap(clean, columns);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        expect(lines.join('').replaceAll(' ', '')).toBe(clean.replaceAll(' ', ''));
      }),
    );
  });
});

test('times and digests as people say them', () => {
  expect([0, 41_900, 252_000, 3 * 3_600_000 + 5 * 60_000, 52 * 3_600_000, -5].map(elapsed)).toEqual(['0 s', '41 s', '4m12s', '3h05m', '2d4h', '0 s']);
  expect([1, 999, 1_001, 0].map(left)).toEqual(['1 s', '1 s', '2 s', '0 s']);
  expect(clock(Date.UTC(2026, 2, 2, 14, 32, 10))).toBe('14:32:10');
  expect(clock(Date.UTC(2026, 2, 3, 0, 0, 1), Date.UTC(2026, 2, 2, 23, 59, 0))).toBe('2026-03-03 00:00:01');
  expect(shortDigest(`sha256:9f3c1a2b${'0'.repeat(56)}`)).toBe('9f3c1a2b');
});
