import type { ObjectRef } from '../../statemachines/document.ts';
import type { KubeObject } from '../cluster/port.ts';
import { at } from '../workload/template.ts';
import { assertWanted, rolloutOf, targetOf, untilWritten, type Performer, type Performing } from './performing.ts';
import { touch } from './touch.ts';

const refOf = (performing: Performing, name: string): ObjectRef => ({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', namespace: rolloutOf(performing).namespace, name });
const boundOf = (autoscaler: KubeObject): number => Number(at(autoscaler, 'spec', 'minReplicas') ?? 1);
const writeBound = (autoscaler: KubeObject, min: number) =>
  [
    { op: 'add', path: '/spec/minReplicas', value: min },
    { op: 'replace', path: '/metadata/resourceVersion', value: autoscaler.metadata.resourceVersion ?? '' },
  ] as const;

/** Raises the lower bound to what stable has now. One that is no longer what the preflight found is somebody else's doing, and stays. */
export const pinAutoscaler: Performer<'autoscaler.pin'> = (params, performing) =>
  untilWritten(performing, async () => {
    const { cluster, facts } = await targetOf(performing, params.target);
    const ref = refOf(performing, params.name);
    const autoscaler = await cluster.get(ref, performing.signal);
    if (autoscaler === undefined || boundOf(autoscaler) !== facts?.autoscaler?.min || boundOf(autoscaler) === params.min) return { type: 'autoscaler.pin.done' };
    await assertWanted(performing);
    await cluster.patch(ref, writeBound(autoscaler, params.min), { signal: performing.signal });
    return { type: 'autoscaler.pin.done' };
  });

/** Gives the lower bound back, unless somebody has changed it meanwhile: then it is his. Either way a late `pin` finds the object changed. */
export const unpinAutoscaler: Performer<'autoscaler.unpin'> = (params, performing) =>
  untilWritten(performing, async () => {
    const { cluster, facts } = await targetOf(performing, params.target);
    const ref = refOf(performing, params.name);
    const autoscaler = await cluster.get(ref, performing.signal);
    if (autoscaler === undefined) return { type: 'autoscaler.unpin.done' };
    await assertWanted(performing);
    if (boundOf(autoscaler) === facts?.replicas && facts.replicas !== params.min) await cluster.patch(ref, writeBound(autoscaler, params.min), { signal: performing.signal });
    else await touch(performing, cluster, ref, autoscaler);
    return { type: 'autoscaler.unpin.done' };
  });
