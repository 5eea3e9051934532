import type { ObjectRef } from '../../statemachines/document.ts';
import type { Cluster, KubeObject } from '../cluster/port.ts';
import { pointerOf, stampName } from '../routing/annotations.ts';
import { rolloutOf, type Performing } from './performing.ts';

/**
 * Changes an object that is as wanted already, and changes it back: a write of a way on that is still under way, conditional on the
 * version it read, then loses. A stamp that a killed worker left is taken off, which is a change as well.
 */
export const touch = async (performing: Performing, cluster: Cluster, ref: ObjectRef, object: KubeObject): Promise<void> => {
  const { signal, effect } = performing;
  const name = stampName(rolloutOf(performing).name);
  const version = (of: KubeObject) => ({ op: 'replace', path: '/metadata/resourceVersion', value: of.metadata.resourceVersion ?? '' }) as const;
  const stamped =
    object.metadata.annotations?.[name] !== undefined
      ? object
      : await cluster.patch(
          ref,
          [
            object.metadata.annotations === undefined
              ? { op: 'add', path: '/metadata/annotations', value: { [name]: effect.key } }
              : { op: 'add', path: pointerOf(name), value: effect.key },
            version(object),
          ],
          { signal },
        );
  await cluster.patch(ref, [{ op: 'remove', path: pointerOf(name) }, version(stamped)], { signal });
};
