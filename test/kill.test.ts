import { describe, expect, it } from 'vitest';
import type { Document } from '../statemachines/document.ts';
import type { ReleaseContext } from '../statemachines/release/context.ts';
import { embeddedWorld, type Around, type EmbeddedWorld } from './fixtures/embedded.ts';
import { definition, route, workload } from './fixtures/serving.ts';

const text = definition('steps: [{weight: 20, hold: 2s}, {weight: 60, hold: 2s}, {weight: 100}]\nwatch: 2s');
const over = (release: Document | undefined): boolean => release?.snapshot.status === 'done';

/** Everything of the user's and ours that is left, without what only the API server counts. */
const left = async ({ sandbox, clock }: EmbeddedWorld): Promise<unknown> => {
  clock.advance(20_000);
  const bare = async (kind: string, apiVersion: string): Promise<unknown> =>
    (await sandbox.cluster.list({ apiVersion, kind, namespace: 'pro' })).map(({ metadata, spec }) => ({ name: metadata.name, labels: metadata.labels, annotations: kind === 'Deployment' ? undefined : metadata.annotations, spec }));
  return {
    deployments: await bare('Deployment', 'apps/v1'),
    services: await bare('Service', 'v1'),
    markers: await bare('ConfigMap', 'v1'),
    routes: await bare('IngressRoute', route.apiVersion),
  };
};

/**
 * Ends the worker at its n-th call to the world: `before` the call happens, or after it did but before the worker hears of it.
 * A killed worker never goes on: its promise stays open for ever, as nothing of a dead process ever runs again.
 */
const killAt = (n: number, when: 'before' | 'after') => {
  let calls = 0;
  const names: string[] = [];
  let kill: () => void = () => undefined;
  const killed = new Promise<'killed'>((resolve) => {
    kill = () => resolve('killed');
  });
  const never = new Promise<never>(() => undefined);
  const around: Around = async (name, inner) => {
    const mine = ++calls;
    names.push(name);
    if (mine === n && when === 'before') {
      kill();
      return never;
    }
    const result = await inner();
    if (mine !== n) return result;
    kill();
    return never;
  };
  return { around, killed, calls: () => calls, names };
};

const wholeRelease = async (abortAt?: number): Promise<{ end: unknown; phase: unknown; calls: number }> => {
  const counting = killAt(Number.POSITIVE_INFINITY, 'before');
  const world = await embeddedWorld(text, () => counting.around);
  const begun = counting.calls();
  await world.push('1.1.0');
  const release = await run(world, abortAt);
  return { end: await left(world), phase: release?.snapshot.value, calls: counting.calls() - begun };
};

/** Drives to the end; with `abortAt`, an abort is sent as soon as that weight is in effect. */
const run = async (world: EmbeddedWorld, abortAt: number | undefined): Promise<Document | undefined> => {
  if (abortAt !== undefined) {
    await world.drive((release) => over(release) || ((release?.snapshot.context as unknown as ReleaseContext | undefined)?.seen['demo/IngressRoute/demo']?.canary ?? 0) >= abortAt);
    await world.command({ type: 'abort', reason: 'test' });
  }
  return world.drive(over);
};

const survives = async (n: number, when: 'before' | 'after', abortAt?: number): Promise<{ end: unknown; phase: unknown }> => {
  const fatal = killAt(n, when);
  let around: Around | undefined;
  const world = await embeddedWorld(text, () => around ?? ((_name, inner) => inner()));
  await world.push('1.1.0');
  around = fatal.around;
  const first = await Promise.race([run(world, abortAt), fatal.killed]);
  if (first !== 'killed') return { end: await left(world), phase: first?.snapshot.value };
  // The next process finds what the dead one left.
  around = undefined;
  await world.restart();
  const release = await run(world, abortAt);
  return { end: await left(world), phase: release?.snapshot.value };
};

describe('Invariant 10: a worker killed at any call to the world ends the same as one that was not', () => {
  it.each(['before', 'after'] as const)('a release that is promoted, killed %s each call in turn', async (when) => {
    const { end, phase, calls } = await wholeRelease();
    expect(phase).toBe('completed');
    expect(calls).toBeGreaterThan(50);
    for (let n = 1; n <= calls; n++) expect({ n, ...(await survives(n, when)) }).toEqual({ n, end, phase });
  }, 60_000);

  it.each(['before', 'after'] as const)('a release that is aborted at sixty percent, killed %s each call in turn', async (when) => {
    const { end, phase, calls } = await wholeRelease(60);
    expect(phase).toBe('rolledBack');
    for (let n = 1; n <= calls; n++) expect({ n, ...(await survives(n, when, 60)) }).toEqual({ n, end, phase });
  }, 60_000);
});

describe('R68: outside a release every object is as the user wrote it', () => {
  it('after an abort nothing at all has changed', async () => {
    const world = await embeddedWorld(text);
    const before = await left(world);
    await world.push('1.1.0');
    await run(world, 60);
    expect(await left(world)).toEqual(before);
  });

  it('after a promotion the image has changed, and nothing else', async () => {
    const world = await embeddedWorld(text);
    const before = JSON.stringify(await left(world));
    const digest = await world.push('1.1.0');
    await run(world, undefined);
    const after = JSON.stringify(await left(world));
    expect(after).toContain(`@${digest}`);
    expect(after.replace(`@${digest}`, ':1.0.0')).toBe(before);
    expect((await world.sandbox.cluster.get(workload))?.metadata.labels).toBeUndefined();
  });
});
