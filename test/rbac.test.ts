import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findKind } from '../infra/cluster/sandbox/kinds.ts';
import { routerKinds, routerOf } from '../infra/routing/routers.ts';
import type { Document } from '../statemachines/document.ts';
import { embeddedWorld, type EmbeddedWorld } from './fixtures/embedded.ts';
import { definition } from './fixtures/serving.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** `patch deployments.apps`, as a person would ask `kubectl auth can-i`. */
type Right = string;

const granted = (): ReadonlySet<Right> => {
  const objects = parseAllDocuments(readFileSync('docs/rbac.yaml', 'utf8')).map((document) => document.toJS() as { kind: string; rules?: readonly Rule[] });
  const rules = objects.flatMap(({ kind, rules: written }) => (kind === 'ClusterRole' ? (written ?? []) : []));
  return new Set(rules.flatMap(({ apiGroups, resources, verbs }) => apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}${group === '' ? '' : `.${group}`}`)))));
};

const apiVersions: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['apps/v1'],
  Service: ['v1'],
  ConfigMap: ['v1'],
  Pod: ['v1'],
  EndpointSlice: ['discovery.k8s.io/v1'],
  HorizontalPodAutoscaler: ['autoscaling/v2'],
  ...Object.fromEntries(routerKinds.map((kind) => [kind, routerOf(kind).apiVersions])),
};

/** A call is counted by verb and kind; a route of that kind may be in any group its router takes. */
const rightsOf = (call: string): Right[] => {
  const [verb = '', kind = ''] = call.split(' ');
  const versions = apiVersions[kind];
  if (versions === undefined) throw new Error(`${call}: which API group has ${kind}? Say so here, and grant it in docs/rbac.yaml`);
  return versions.map((version) => `${verb} ${findKind(version, kind)?.resource ?? kind}`);
};

const over = (release: Document | undefined): boolean => release?.snapshot.status === 'done';
const text = definition('steps: [{weight: 20, hold: 2s}, {weight: 100}]\nwatch: 2s');

const autoscaled = async (): Promise<EmbeddedWorld> => {
  const world = await embeddedWorld(text);
  await world.sandbox.asUser('kubectl').create({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'demo', namespace: 'pro' },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'demo' }, minReplicas: 1, maxReplicas: 9 },
  });
  return world;
};

/** The calls of a release that is promoted, of one that is aborted, and of one whose pods never come up. */
const callsOfReleases = async (): Promise<ReadonlySet<string>> => {
  const promoted = await autoscaled();
  await promoted.push('1.1.0');
  expect((await promoted.drive(over))?.snapshot.value).toBe('completed');

  const aborted = await autoscaled();
  await aborted.push('1.1.0');
  await aborted.drive((release) => JSON.stringify(release?.snapshot.value ?? '').includes('gating'));
  const abort = { id: 'abort', document: 'release/pro/demo/1', event: { type: 'abort', reason: 'test' }, receivedAt: aborted.clock.now(), by: 'ada' };
  await aborted.ports.queue.send([{ id: 'abort', lane: 'urgent', group: 'release/pro/demo/1', body: { type: 'input', input: abort } }]);
  expect((await aborted.drive(over))?.snapshot.value).toBe('rolledBack');

  const crashing = await embeddedWorld(text);
  await crashing.push('1.1.0', { CRASH: '1' });
  expect((await crashing.drive(over))?.snapshot.value).toBe('rolledBack');

  return new Set([promoted, aborted, crashing].flatMap(({ sandbox }) => Object.keys(sandbox.calls.all())));
};

test('docs/rbac.yaml grants what releases need, and nothing else', async () => {
  const needed = [...(await callsOfReleases())].flatMap(rightsOf);
  const routes = routerKinds.flatMap((kind) => [`get ${kind}`, `patch ${kind}`]).flatMap(rightsOf);
  expect([...granted()].sort()).toEqual([...new Set([...needed, ...routes])].sort());
});
