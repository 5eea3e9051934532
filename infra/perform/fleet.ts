import { canaryName } from '../../statemachines/definition/rollout.ts';
import type { ObjectRef } from '../../statemachines/document.ts';
import { ClusterError, type Cluster, type KubeObject } from '../cluster/port.ts';
import { belongs, canaryDeployment, canaryService, markerName, markerObject, type Belonging } from '../workload/canary.ts';
import { hopelessPods, readyEndpoints } from '../workload/endpoints.ts';
import { at, fieldsAt, hashOf } from '../workload/template.ts';
import { assertWanted, contextOf, existing, foreign, Overtaken, rolloutOf, spellRef, storedDocument, targetOf, untilWritten, workloadRef, type Performer, type Performing } from './performing.ts';

const belongingOf = (performing: Performing): Belonging => {
  const { name, namespace } = rolloutOf(performing);
  return { rollout: name, namespace, release: contextOf(performing).n };
};

/** Creates the canary beside stable, or gives it another number of pods. */
export const writeFleet: Performer<'fleet.write'> = (params, performing) =>
  untilWritten(performing, async () => {
    const { target, cluster, facts } = await targetOf(performing, params.target);
    const belonging = belongingOf(performing);
    const ref = { ...workloadRef(rolloutOf(performing), target), name: canaryName(target.workload.name) };
    const stableRef = workloadRef(rolloutOf(performing), target);
    // The first time it is made, and finds out by that whether it is there.
    const made = contextOf(performing).size[params.target] !== undefined;
    const [canary, stable] = await Promise.all([made ? cluster.get(ref, performing.signal) : undefined, existing(cluster, stableRef, performing.signal)]);
    if (hashOf(at(stable, 'spec', 'template')) !== params.template)
      return { type: 'fleet.write.changed', ...foreign(stable, `the pod template of ${spellRef(stableRef)}`, 'spec', 'template') };
    if (canary !== undefined) return scale(cluster, canary, params.replicas, belonging, performing);

    const service = await existing(cluster, { apiVersion: 'v1', kind: 'Service', namespace: belonging.namespace, name: target.workload.service }, performing.signal);
    const marker = await mark(cluster, markerObject(target, belonging), belonging, performing);
    await create(cluster, canaryService(target, stable, service, marker, belonging), belonging, performing);
    const { container = '', pinned = '' } = facts ?? {};
    await create(cluster, canaryDeployment(target, stable, service, marker, belonging, { container, image: pinned, replicas: params.replicas }), belonging, performing);
    return { type: 'fleet.write.done' };
  });

const scale = async (cluster: Cluster, canary: KubeObject, replicas: number, belonging: Belonging, performing: Performing) => {
  const ref = { apiVersion: canary.apiVersion, kind: canary.kind, namespace: belonging.namespace, name: canary.metadata.name };
  assertOurs(canary, ref, belonging);
  if (at(canary, 'spec', 'replicas') === replicas) return { type: 'fleet.write.done' };
  await assertWanted(performing);
  await cluster.patch(
    ref,
    [
      { op: 'replace', path: '/spec/replicas', value: replicas },
      { op: 'replace', path: '/metadata/resourceVersion', value: canary.metadata.resourceVersion ?? '' },
    ],
    { signal: performing.signal },
  );
  return { type: 'fleet.write.done' };
};

/**
 * The marker, made or found. A create cannot be conditional on anything, so the document is asked again after it: a function that
 * was frozen in between takes its marker away, and whatever it might have made after that check goes with the marker. Only a marker
 * that nobody will take away any more: while the release runs, another worker's canary may hang on the same one.
 */
const mark = async (cluster: Cluster, marker: KubeObject, belonging: Belonging, performing: Performing): Promise<KubeObject> => {
  await assertWanted(performing);
  const made = await create(cluster, marker, belonging, performing);
  try {
    await assertWanted(performing);
  } catch (error) {
    if (error instanceof Overtaken && made.metadata.uid !== undefined && !(await retiresLater(performing)))
      await cluster.delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: belonging.namespace, name: made.metadata.name }, { uid: made.metadata.uid }, performing.signal);
    throw error;
  }
  return made;
};

/** Retiring finds the marker by its name, as long as it has not begun. */
const retiresLater = async (performing: Performing): Promise<boolean> => {
  const stored = await storedDocument(performing);
  return stored?.snapshot.status === 'active' && !JSON.stringify(stored.snapshot.value).includes('"retiring"');
};

/** Creates an object of this release; one that is there already is taken over only when it carries the release's labels. */
const create = async (cluster: Cluster, object: KubeObject, belonging: Belonging, performing: Performing): Promise<KubeObject> => {
  const ref = { apiVersion: object.apiVersion, kind: object.kind, namespace: belonging.namespace, name: object.metadata.name };
  try {
    return await cluster.create(object, { signal: performing.signal });
  } catch (error) {
    if (!(error instanceof ClusterError) || error.failure !== 'exists') throw error;
  }
  const found = await cluster.get(ref, performing.signal);
  assertOurs(found, ref, belonging);
  return found;
};

/** Only what carries the labels of this release is taken over. What goes away by itself is waited for, what is somebody else's refused. */
function assertOurs(object: KubeObject | undefined, ref: ObjectRef, belonging: Belonging): asserts object is KubeObject {
  const whose = object === undefined || object.metadata.deletionTimestamp !== undefined ? 'earlier' : belongs(object, belonging);
  if (whose === 'earlier') throw new ClusterError('unavailable', `${spellRef(ref)} of an earlier release is still being removed`);
  if (whose === 'foreign') throw new ClusterError('invalid', `${spellRef(ref)} exists and is not of this rollout; its name is needed for the canary`);
}

/** Pods are asked why they do not come up only at every third look: mostly they just need a moment. */
const looksBetweenReasons = 3;

export const lookAtFleet: Performer<'fleet.look'> = async (params, performing) => {
  const { target, cluster } = await targetOf(performing, params.target);
  const { namespace } = rolloutOf(performing);
  const ready = await readyEndpoints(cluster, namespace, canaryName(target.workload.service), performing.signal);
  const { trying, size } = contextOf(performing);
  if (ready >= (size[params.target] ?? 1) || trying.tries % looksBetweenReasons !== looksBetweenReasons - 1) return { type: 'fleet.look.done', ready };
  const canary = await cluster.get({ ...workloadRef(rolloutOf(performing), target), name: canaryName(target.workload.name) }, performing.signal);
  if (canary === undefined) return { type: 'fleet.look.done', ready };
  const labels = fieldsAt(canary, 'spec', 'selector', 'matchLabels');
  const selector = Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(',');
  const failing = await hopelessPods(cluster, namespace, selector, performing.signal);
  return { type: 'fleet.look.done', ready, ...(failing === undefined ? {} : { failing }) };
};

export const lookForLife: Performer<'liveness.look'> = async (_params, performing) => {
  const rollout = rolloutOf(performing);
  const counts = await Promise.all(
    rollout.targets.map(async ({ name }) => {
      const { target, cluster } = await targetOf(performing, name);
      return [name, await readyEndpoints(cluster, rollout.namespace, canaryName(target.workload.service), performing.signal)] as const;
    }),
  );
  return { type: 'liveness.look.done', ready: Math.min(...counts.map(([, ready]) => ready)), by: Object.fromEntries(counts) };
};

/** Deletes the marker; the garbage collector takes what it owns. */
export const deleteFleet: Performer<'fleet.delete'> = (params, performing) =>
  untilWritten(performing, async () => {
    const { target, cluster } = await targetOf(performing, params.target);
    const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: rolloutOf(performing).namespace, name: markerName(target, contextOf(performing).n) };
    const marker = await cluster.get(ref, performing.signal);
    const { uid, resourceVersion } = marker?.metadata ?? {};
    if (uid === undefined) return { type: 'fleet.delete.done' };
    await assertWanted(performing);
    await cluster.delete(ref, { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) }, performing.signal);
    return { type: 'fleet.delete.done' };
  });
