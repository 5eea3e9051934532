import { at } from '../workload/template.ts';
import { assertWanted, contextOf, rolloutOf, targetOf, untilWritten, type Performer, type Performing } from './performing.ts';

/** Writes the lower bound unless it is neither the one before nor the one after: then somebody else has taken it over, and keeps it. */
const writeBound = (params: { target: string; name: string; min: number }, performing: Performing, expected: number, type: string) =>
  untilWritten(performing, async () => {
    const { cluster } = await targetOf(performing, params.target);
    const ref = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', namespace: rolloutOf(performing).namespace, name: params.name };
    const autoscaler = await cluster.get(ref, performing.signal);
    if (autoscaler === undefined || Number(at(autoscaler, 'spec', 'minReplicas') ?? 1) !== expected || expected === params.min) return { type };
    await assertWanted(performing);
    await cluster.patch(
      ref,
      [
        { op: 'add', path: '/spec/minReplicas', value: params.min },
        { op: 'replace', path: '/metadata/resourceVersion', value: autoscaler.metadata.resourceVersion ?? '' },
      ],
      { signal: performing.signal },
    );
    return { type };
  });

export const pinAutoscaler: Performer<'autoscaler.pin'> = (params, performing) =>
  writeBound(params, performing, contextOf(performing).facts[params.target]?.autoscaler?.min ?? 1, 'autoscaler.pin.done');

export const unpinAutoscaler: Performer<'autoscaler.unpin'> = (params, performing) =>
  writeBound(params, performing, contextOf(performing).facts[params.target]?.replicas ?? 1, 'autoscaler.unpin.done');
