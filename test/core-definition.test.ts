import { describe, expect, it } from 'vitest';
import { parseDefinitions } from '../statemachines/definition/parse.ts';

const good = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: demo, namespace: pro}
spec:
  workload: {kind: Deployment, name: demo}
  routes: [{kind: IngressRoute, name: demo}]
  triggers:
  - registry: {image: registry.example.com/team/demo, tags: {semver: '>=1.0.0 <2'}}
  analyses:
    health: {interval: 30s, query: errors, max: 1}
  steps:
  - {weight: 20, hold: 10m, analysis: health}
  - {ramp: {from: 40, to: 100, by: 30, every: 5m}}
  alerts: [{match: {severity: critical}, do: rollback}]
`;

const mistakes = (text: string): readonly string[] => {
  const parsed = parseDefinitions(text);
  return parsed.ok ? [] : parsed.mistakes.map(({ line, column, field, message }) => `${line}:${column} ${field} ${message}`.trim());
};
const edited = (from: string, to: string): string => {
  if (!good.includes(from)) throw new Error(`${from} is not in the definition`);
  return good.replace(from, to);
};

describe('a definition', () => {
  it('is taken apart: shorthands, ramps, durations and names', () => {
    const parsed = parseDefinitions(good);
    expect(parsed.ok ? parsed.rollouts[0] : parsed.mistakes).toMatchObject({
      name: 'demo',
      namespace: 'pro',
      targets: [{ name: 'demo', cluster: 'default', workload: { service: 'demo' }, routes: [{ key: 'demo/IngressRoute/demo' }] }],
      steps: [
        { name: '1-20', weight: 20, holdMs: 600_000, analyses: ['health'] },
        { name: 'ramp-40', weight: 40, holdMs: 300_000 },
        { name: 'ramp-70', weight: 70, holdMs: 300_000 },
        { name: 'ramp-100', weight: 100, holdMs: 300_000 },
      ],
      onPush: 'supersede',
      watchMs: 600_000,
      skewMs: 120_000,
    });
  });

  it.each([
    ['weight: 20', 'wieght: 20', ['12:6 spec.steps[0].wieght unknown field; did you mean `weight`?']],
    ['from: 40', 'from: 10', ['13:13 spec.steps[1].ramp.from 10 is below the 20 of the step before; steps only go up, abort goes back']],
    ['weight: 20', 'weight: 120', [/^12:\d+ spec\.steps\[0\]\.weight .*100.*; found 120$/]],
    ['weight: 20', 'weight: 2.5', [/^12:\d+ spec\.steps\[0\]\.weight .*; found 2\.5$/]],
    ['hold: 10m', 'hold: ten', [/^12:\d+ spec\.steps\[0\]\.hold a duration is a whole number and a unit: .*; found "ten"$/]],
    ['hold: 10m', 'hold: 99d', [/^12:\d+ spec\.steps\[0\]\.hold at most 30d; found "99d"$/]],
    ['analysis: health', 'analysis: helth', [/^12:\d+ spec\.steps\[0\]\.analysis no analysis is called "helth"; did you mean `health`\?$/]],
    ['from: 40', 'from: 40, upto: 3', [/^13:\d+ spec\.steps\[1\]\.ramp\.upto unknown field/]],
    ['query: errors, max: 1', 'query: errors', [/^10:\d+ spec\.analyses\.health .*a query needs a bound: max, min or both/]],
    ['query: errors, max: 1', 'query: errors, max: 1, min: 2', [/^10:\d+ spec\.analyses\.health .*min is above max/]],
    ["semver: '>=1.0.0 <2'", 'semver: not a range', [/^8:\d+ spec\.triggers\[0\]\.registry\.tags "not a range" is not a semver range$/]],
    ["semver: '>=1.0.0 <2'", "regex: '('", [/^8:\d+ spec\.triggers\[0\]\.registry\.tags .*is not an RE2 regular expression/]],
    ['image: registry.example.com/team/demo', 'image: demo:1.0', [/^8:\d+ spec\.triggers\[0\]\.registry\.image host\/repository without tag or digest.*; found "demo:1\.0"$/]],
    ['do: rollback', 'do: rolback', [/^14:\d+ spec\.alerts\[0\]\.do .*"rollback".*; found "rolback"$/]],
    ['match: {severity: critical}', 'match: {}', [/^14:\d+ spec\.alerts\[0\]\.match at least one label/]],
    ['kind: IngressRoute', 'kind: Ingress', [/^6:\d+ spec\.routes\[0\]\.kind .*"IngressRoute".*; found "Ingress"$/]],
    ['routes: [{kind: IngressRoute, name: demo}]', 'routes: []', [/^6:\d+ spec\.routes at least one route/]],
    ['routes: [{kind: IngressRoute, name: demo}]', 'routes: [{kind: IngressRoute, name: demo}, {kind: IngressRoute, name: demo}]', [/spec\.targets\[0\] default IngressRoute demo is named twice/]],
    ['name: demo, namespace: pro', 'name: Demo_1, namespace: pro', [/^3:\d+ metadata\.name lower-case letters, digits and dashes.*; found "Demo_1"$/]],
    ['kind: Rollout', 'kind: Rollouts', [/^2:\d+ kind .*"Rollout".*; found "Rollouts"$/]],
    ['- {weight: 20, hold', '- {name: a, weight: 20}\n  - {name: a, weight: 20, hold', [/^13:\d+ spec\.steps\[1\] two steps are called "a"; give them names of their own$/]],
    ['kind: Deployment, name: demo', 'kind: Deployment', [/^5:\d+ spec\.workload\.name missing; /]],
  ])('with %s -> %s says where, what was found and what is allowed', (from, to, expected) => {
    const found = mistakes(edited(from, to));
    expect(found.length).toBe(expected.length);
    for (const [at, wanted] of expected.entries()) {
      if (typeof wanted === 'string') expect(found[at]).toBe(wanted);
      else expect(found[at]).toMatch(wanted);
    }
  });

  it('names every mistake at once, in the order of the text', () => {
    const found = mistakes(edited('weight: 20', 'wieght: 20').replace('do: rollback', 'do: rolback'));
    expect(found.map((mistake) => mistake.split(':')[0])).toEqual(['12', '14']);
  });

  it('that is no YAML, or nothing at all, says so', () => {
    expect(mistakes('spec: [')[0]).toMatch(/^\d+:\d+ /);
    expect(mistakes('')[0]).toMatch(/nothing in it; a definition begins with/);
  });

  it('never makes the parser throw', () => {
    for (const text of ['null', '42', '- a', 'a: &x [*x]', '{apiVersion: 1}', `${good}---\n${good.replace('weight: 20', 'weight: x')}`, 'a: !!binary x', '"\\ud800"']) expect(parseDefinitions(text).ok).toBe(false);
  });
});
