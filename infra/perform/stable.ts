import { canaryName } from '../../statemachines/definition/rollout.ts';
import { readyEndpoints } from '../workload/endpoints.ts';
import { at, containersOf, hashOf, lastWriter, listAt, templateWith } from '../workload/template.ts';
import { assertWanted, contextOf, existing, foreign, rolloutOf, spellRef, targetOf, untilWritten, workloadRef, type Performer } from './performing.ts';
import { touch } from './touch.ts';

/** Writes one image into stable's template; on the way on only if nothing else in the template has changed since the release began. */
export const writeTemplate: Performer<'template.write'> = (params, performing) =>
  untilWritten(performing, async () => {
    const { target, cluster, facts } = await targetOf(performing, params.target);
    const ref = workloadRef(rolloutOf(performing), target);
    const stable = await existing(cluster, ref, performing.signal);
    await assertWanted(performing);
    const { container = '', image = '', pinned = '' } = facts ?? {};
    const position = containersOf(stable).findIndex(({ name }) => name === container);
    const found = containersOf(stable)[position]?.image;
    // On the way back the image is all that counts: what else somebody changed is his, and must not hold users on the canary.
    const asItWas = params.back || hashOf(templateWith(stable, container, image)) === params.template;
    if (!asItWas || (found !== image && found !== pinned)) return { type: 'template.write.changed', ...foreign(stable, `the pod template of ${spellRef(ref)}`, 'spec', 'template') };
    if (found === params.image) {
      // On the way back a forward write may still be under way, and must lose.
      if (params.back) await touch(performing, cluster, ref, stable);
      return { type: 'template.write.done' };
    }
    const path = `/spec/template/spec/containers/${position}`;
    await cluster.patch(
      ref,
      [
        { op: 'test', path: `${path}/name`, value: container },
        { op: 'replace', path: `${path}/image`, value: params.image },
        { op: 'replace', path: '/metadata/resourceVersion', value: stable.metadata.resourceVersion ?? '' },
      ],
      { signal: performing.signal },
    );
    return { type: 'template.write.done' };
  });

/** Is stable's own rolling update to this image over, and do its endpoints carry everybody? Read as `kubectl rollout status` does. */
export const lookAtStable: Performer<'stable.look'> = async (params, performing) => {
  const { target, cluster, facts } = await targetOf(performing, params.target);
  const { namespace } = rolloutOf(performing);
  const stable = await existing(cluster, workloadRef(rolloutOf(performing), target), performing.signal);
  const status = (field: string): number => Number(at(stable, 'status', field) ?? 0);
  const wanted = Number(at(stable, 'spec', 'replicas') ?? 1);
  const rightImage = containersOf(stable).some(({ name, image }) => name === facts?.container && image === params.image);
  const rolledOut =
    rightImage &&
    status('observedGeneration') >= (stable.metadata.generation ?? 0) &&
    status('updatedReplicas') >= wanted &&
    status('replicas') <= status('updatedReplicas') &&
    status('availableReplicas') >= status('updatedReplicas');
  const canary = params.canary ? { canary: await readyEndpoints(cluster, namespace, canaryName(target.workload.service), performing.signal) } : {};
  const stuck = listAt(stable, 'status', 'conditions').some((condition) => at(condition as never, 'reason') === 'ProgressDeadlineExceeded');
  // The router's view counts, and only then is it worth a request.
  const ready = rolledOut ? await readyEndpoints(cluster, namespace, target.workload.service, performing.signal) : status('readyReplicas');
  const needed = Math.min(wanted, contextOf(performing).facts[params.target]?.replicas ?? wanted);
  return {
    type: 'stable.look.done',
    done: rolledOut && ready >= needed,
    ready,
    wanted: needed,
    ...canary,
    ...(rightImage ? {} : { foreign: `${lastWriter(stable, 'spec', 'template')} changed the image of ${spellRef(workloadRef(rolloutOf(performing), target))}` }),
    ...(stuck ? { failing: `${spellRef(workloadRef(rolloutOf(performing), target))} exceeded its progress deadline` } : {}),
  };
};
