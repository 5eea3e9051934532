import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseDefinitions } from '../statemachines/definition/parse.ts';
import { claimsOf, type Rollout } from '../statemachines/definition/rollout.ts';
import { machineOf } from '../statemachines/machines.ts';

const files = readdirSync('examples').filter((file) => file.endsWith('.yaml'));
const rolloutsIn = (file: string): readonly Rollout[] => {
  const parsed = parseDefinitions(readFileSync(`examples/${file}`, 'utf8'));
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ line, field, message }) => `examples/${file}:${line}: ${field}: ${message}`).join('\n'));
  return parsed.rollouts;
};
const only = (file: string): Rollout => {
  const [rollout, ...others] = rolloutsIn(file);
  if (rollout === undefined || others.length > 0) throw new Error(`${file} holds ${others.length + 1} definitions, not one`);
  return rollout;
};

describe('examples', () => {
  test('there are some', () => {
    expect(files).toEqual(expect.arrayContaining(['demo.yaml', 'traefik-canary.yaml', 'gateway-api.yaml', 'analysis.yaml', 'alerts.yaml', 'ramp.yaml']));
  });

  test.each(files)('%s has no mistakes and makes machines', (file) => {
    for (const rollout of rolloutsIn(file)) expect(() => [machineOf('rollout', rollout as never), machineOf('release', rollout as never)]).not.toThrow();
  });

  test('they can all be applied to one server: no two claim the same workload or route', () => {
    const claims = files.flatMap(rolloutsIn).flatMap(claimsOf);
    expect(claims.filter((claim, at) => claims.indexOf(claim) !== at)).toEqual([]);
  });

  test('what `npm start` shows is short enough to be watched', () => {
    const { steps, watchMs } = only('demo.yaml');
    expect(steps.reduce((sum, { holdMs }) => sum + holdMs, watchMs)).toBeLessThanOrEqual(15_000);
    expect(steps.at(-1)?.weight).toBe(100);
  });

  test('the ramps say what their comments say', () => {
    const weights = rolloutsIn('ramp.yaml').map(({ steps }) => steps.map(({ weight }) => weight));
    expect(weights).toEqual([
      [1, 10, 20, 50, 100],
      [20, 40, 60, 80, 100],
    ]);
  });

  test('the batches of the fifth article: 10 % on 1 pod, 30 % on 2, a person in between', () => {
    expect(only('gateway-api.yaml').steps.map(({ weight, replicas, question }) => [weight, replicas, question !== undefined])).toEqual([
      [10, 1, true],
      [30, 2, true],
    ]);
  });

  test('the first article is written in the API group that its Traefik serves', () => {
    const [target] = only('traefik-canary.yaml').targets;
    expect(target?.routes).toMatchObject([{ kind: 'IngressRoute', name: 'k8s-flask-pro', apiVersion: 'traefik.containo.us/v1alpha1' }]);
  });
});
