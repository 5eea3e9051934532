import type { InputEvent, Json } from '../../events/input.ts';
import { canaryName, type Rollout, type RouteRef, type Target } from '../../statemachines/definition/rollout.ts';
import type { Document, JsonPatchOp, ObjectRef } from '../../statemachines/document.ts';
import type { Effect, EffectName, EffectParams, TargetFacts } from '../../statemachines/effects.ts';
import type { ReleaseContext } from '../../statemachines/release/context.ts';
import { ClusterError, type Cluster, type KubeObject } from '../cluster/port.ts';
import type { Ports } from '../ports.ts';
import type { Marks } from '../routing/annotations.ts';
import type { Router, Sides } from '../routing/port.ts';
import { routerOf } from '../routing/routers.ts';
import { lastWriter } from '../workload/template.ts';

/** What a performer is given: the effect, the document that wished for it, the world, and a signal that ends it in time. */
export interface Performing {
  readonly effect: Effect;
  readonly document: Document;
  readonly ports: Ports;
  readonly signal: AbortSignal;
}

/** Performs one effect and says what came of it. Throws ClusterError where the world refused or did not answer. */
export type Performer<N extends EffectName> = (params: EffectParams[N], performing: Performing) => Promise<InputEvent>;

/** The stored document no longer wishes for this effect: whoever performs it has been overtaken and must write nothing. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

export const rolloutOf = ({ document }: Performing): Rollout => document.definition as unknown as Rollout;
export const contextOf = ({ document }: Performing): ReleaseContext => document.snapshot.context as unknown as ReleaseContext;

/** A target of the release with its cluster. Refused when the definition or the configuration has none of that name. */
export const targetOf = async (performing: Performing, name: string): Promise<{ target: Target; cluster: Cluster; facts: TargetFacts | undefined }> => {
  const target = rolloutOf(performing).targets.find((one) => one.name === name);
  if (target === undefined) throw new ClusterError('invalid', `no target is called ${JSON.stringify(name)}`);
  const cluster = await performing.ports.cluster(target.cluster);
  if (cluster === undefined) throw new ClusterError('invalid', `no cluster is configured under the name ${JSON.stringify(target.cluster)}`);
  return { target, cluster, facts: contextOf(performing).facts?.[name] };
};

export const sidesOf = (rollout: Rollout, target: Target): Sides => ({ namespace: rollout.namespace, stable: target.workload.service, canary: canaryName(target.workload.service) });
export const marksOf = (performing: Performing): Marks => ({ rollout: rolloutOf(performing).name, release: performing.document.id.split('/').at(-1) ?? '' });

export const workloadRef = (rollout: Rollout, target: Target): ObjectRef => ({ apiVersion: 'apps/v1', kind: target.workload.kind, namespace: rollout.namespace, name: target.workload.name });
export const routeRef = (rollout: Rollout, route: RouteRef): ObjectRef => ({
  apiVersion: route.apiVersion ?? routerOf(route.kind).apiVersions[0] ?? '',
  kind: route.kind,
  namespace: rollout.namespace,
  name: route.name,
});

/** A route of the release: its object's name, the planner for it and the Services between which users are split. */
export const routeOf = async (performing: Performing, { target: name, route: key }: { target: string; route: string }): Promise<{ cluster: Cluster; clusterName: string; ref: ObjectRef; router: Router; sides: Sides; memory: Json | undefined }> => {
  const { target, cluster } = await targetOf(performing, name);
  const route = target.routes.find((one) => one.key === key);
  if (route === undefined) throw new ClusterError('invalid', `target ${name} has no route ${JSON.stringify(key)}`);
  const rollout = rolloutOf(performing);
  return { cluster, clusterName: target.cluster, ref: routeRef(rollout, route), router: routerOf(route.kind), sides: sidesOf(rollout, target), memory: performing.document.armed[key]?.memory };
};

export const spellRef = ({ kind, namespace, name }: ObjectRef): string => `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;

/** The object, or a refusal that names it. */
export const existing = async (cluster: Cluster, ref: ObjectRef, signal: AbortSignal): Promise<KubeObject> => {
  const object = await cluster.get(ref, signal);
  if (object === undefined) throw new ClusterError('absent', `${spellRef(ref)} does not exist in cluster ${cluster.name}`);
  return object;
};

/** The document as it is stored now. A store that does not answer says nothing about the release, so it is asked again. */
export const storedDocument = async ({ document, ports }: Performing): Promise<Document | undefined> => {
  try {
    return await ports.store.load(document.id);
  } catch (cause) {
    throw new ClusterError('unavailable', `the store did not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
};

/** Fencing, the second read (DESIGN section 3): goes on only if the stored document still holds this effect. */
export const assertWanted = async (performing: Performing): Promise<void> => {
  const { effect } = performing;
  const stored = await storedDocument(performing);
  if (stored === undefined || !stored.outbox.some(({ key, name }) => key === effect.key && name === effect.name)) throw new Overtaken(`${effect.name} ${effect.key} is no longer wanted`);
};

/** Reads, checks and writes again as long as somebody else writes in between. Ends by the signal. */
export const untilWritten = async <T>({ signal }: Performing, attempt: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ClusterError) || error.failure !== 'conflict' || signal.aborted) throw error;
    }
  }
};

/**
 * Sends operations that carry the resourceVersion of the object they were made from. The API server applies a patch before it compares
 * versions, so one whose paths are gone is answered 422 although it only came too late: that is a conflict as well.
 */
export const patchAsRead = async ({ signal }: Performing, cluster: Cluster, ref: ObjectRef, object: KubeObject, ops: readonly JsonPatchOp[]): Promise<void> => {
  try {
    await cluster.patch(ref, ops, { signal });
  } catch (error) {
    if (!(error instanceof ClusterError) || error.failure !== 'invalid') throw error;
    const now = await cluster.get(ref, signal);
    if (now?.metadata.resourceVersion === object.metadata.resourceVersion) throw error;
    throw new ClusterError('conflict', error.message, { cause: error });
  }
};

/** Says who changed something last, for people. */
export const foreign = (object: KubeObject, what: string, ...path: readonly string[]): { who: string; what: string } => ({ who: lastWriter(object, ...path), what });
