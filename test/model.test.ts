import { describe, expect, it } from 'vitest';
import { worldNamed, worlds } from './model/configs.ts';
import { explore, spellViolation } from './model/explore.ts';
import { mutants } from './model/mutants.ts';
import { replay } from './model/replay.ts';
import { search } from './model/search.ts';
import { releaseMachineOf, sharedDelays, undefinedDelays, unhandledResults } from './model/static-walk.ts';

describe('exploring the core', () => {
  it('finds no violation of any invariant in the first 100,000 states', { timeout: 180_000 }, () => {
    const found = explore(100_000);
    expect(found.map(spellViolation).filter((text) => text !== '')).toEqual([]);
    expect(found.reduce((sum, { states }) => sum + states, 0)).toBeGreaterThanOrEqual(100_000);
  });

  it.each(mutants)('catches the mutant: $name', { timeout: 60_000 }, ({ world, behaviour }) => {
    const { violation } = search(worldNamed(world), 200_000, behaviour);
    expect(violation).toBeDefined();
    // A history is only worth printing if it leads where it says; that no end can be reached from there, no single history shows.
    const shown = violation?.invariant === 'An end can be reached' ? undefined : `${violation?.invariant}: ${violation?.problem}`;
    expect(replay(world, violation?.history ?? [], behaviour)).toBe(shown);
  });
});

describe('the release machine, walked without running it', () => {
  it.each(worlds)('handles every result of every effect it asks for: $name', ({ rollout }) => {
    expect(unhandledResults(releaseMachineOf(rollout))).toEqual([]);
  });

  it.each(worlds)('defines every delay, and no two active states share one: $name', ({ rollout }) => {
    const machine = releaseMachineOf(rollout);
    expect(undefinedDelays(machine)).toEqual([]);
    expect(sharedDelays(machine)).toEqual([]);
  });

  it('would say so', () => {
    const rollout = worldNamed('orders').rollout;
    const machine = releaseMachineOf({ ...rollout, name: 'broken' });
    const verifying = machine.getStateNodeById('release.stepping.routing.verifying');
    Object.defineProperty(verifying, 'ownEvents', { value: verifying.ownEvents.filter((event) => event !== 'route.verify.notYet') });
    expect(unhandledResults(machine)).toEqual(['release.stepping.routing.verifying does not handle route.verify.notYet']);
    delete (machine.implementations.delays as Record<string, unknown>)['urgentBackoff'];
    expect(undefinedDelays(machine)).toContain('release.rollingBack.waiting: xstate.after.urgentBackoff.release.rollingBack.waiting');
  });
});

const armed = ['push1', 'rollout tells release 1 release.opened', 'release 1: image.resolve done', 'release 1: release.preflight done'];
const ready = ['release 1: fleet.write done', 'release 1: timer ready', 'canary pods ready', 'release 1: fleet.look done', 'release 1: timer lag'];
const route = (n: number): string => `demo/IngressRoute/r${n}`;
const plans = [`release 1: route.plan ${route(0)} done`, `release 1: route.plan ${route(1)} done`];

/** Histories that once broke an invariant. */
describe('what the exploration found stays fixed', () => {
  it('a pause between two routes of one step shows the canary on no further route', () => {
    const history = [...armed, 'release 1: autoscaler.pin done', ...ready, ...plans, 'release 1: pause', `release 1: route.write ${route(0)} done`];
    expect(replay('crashes', history)).toBeUndefined();
  });

  it('a pause while a route write waits to be tried again stops the next try', () => {
    const history = [...armed, 'release 1: autoscaler.pin done', ...ready, ...plans, `release 1: route.write ${route(0)} unavailable`, 'release 1: pause', 'release 1: timer backoff'];
    expect(replay('crashes', history)).toBeUndefined();
  });

  it('a route whose way back no longer fits is still taken back by an abort', () => {
    const history = [...armed, ...ready, ...plans, `somebody moves the entries of ${route(0)}`, `release 1: route.write ${route(0)} disarmed`];
    expect(replay('foreign writes', [...history, 'release 1: abort', `release 1: route.restore ${route(0)} done`, `release 1: route.restore ${route(1)} done`])).toBeUndefined();
  });

  it('a dying canary is noticed while the release stands still with users on it', () => {
    const shown = [`release 1: route.write ${route(0)} done`, `release 1: route.write ${route(1)} done`, 'release 1: timer lag', `release 1: route.verify ${route(0)} done`, `release 1: route.verify ${route(1)} done`];
    const held = [...armed, ...ready, ...plans, ...shown, 'release 1: timer hold', 'release 1: pause', 'release 1: fleet.write done', 'release 1: timer ready', 'canary pods ready', 'release 1: fleet.look done', 'release 1: timer lag'];
    const dead = ['canary pods die', 'release 1: timer liveness', 'release 1: liveness.look done', 'release 1: timer livenessRetry', 'release 1: liveness.look done'];
    expect(replay('dying canary', [...held, ...dead, `release 1: route.restore ${route(0)} done`])).toBeUndefined();
  });

  it('a release that waits for an alert whose end was never told goes on when a person says so', () => {
    const history = ['push1', 'rollout tells release 1 release.opened', 'release 1: alert', ...armed.slice(2), 'release 1: autoscaler.pin done', 'release 1: resume', 'release 1: fleet.write done'];
    expect(replay('crashes', history)).toBeUndefined();
  });
});
