import type { Clock } from '../../clock.ts';
import type { KubeObject } from '../port.ts';
import { referTo, type ApiServer } from './api-server.ts';
import { at, fieldsAt, listAt, numberAt, textAt } from './fields.ts';
import { conditionOf, controlled, controlledBy, controllerManager, controllerStatus, counted, keyed, reactionMs, suffix } from './owners.ts';
import { workQueue } from './work-queue.ts';

/** Whether a pod still counts: not going, not finished. */
const isActive = (pod: KubeObject): boolean =>
  pod.metadata.deletionTimestamp === undefined && !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '');

export const isReady = (pod: KubeObject): boolean => textAt(conditionOf(listAt(pod, 'status', 'conditions'), 'Ready'), 'status') === 'True';

/** The moment from which a ready pod counts as available, in milliseconds since the epoch; undefined while it is not ready. */
const availableAt = (pod: KubeObject, minReadySeconds: number): number | undefined => {
  const since = textAt(conditionOf(listAt(pod, 'status', 'conditions'), 'Ready'), 'lastTransitionTime');
  return isReady(pod) && since !== undefined ? Date.parse(since) + minReadySeconds * 1000 : undefined;
};

/** Pods that go first when there are too many: those that serve nobody, then the youngest. */
const leastNeeded = (pods: readonly KubeObject[]): readonly KubeObject[] => {
  const age = (pod: KubeObject): number => Number(pods.indexOf(pod));
  return [...pods].sort((a, b) => Number(isReady(a)) - Number(isReady(b)) || age(b) - age(a));
};

/** Keeps each ReplicaSet at its number of pods. Call with `namespace/name` when it or one of its pods has changed. */
export const replicaSets = (server: ApiServer, clock: Clock, random: () => number): ((key: string) => void) => {
  const create = (set: KubeObject): void => {
    const template = at(set, 'spec', 'template');
    server.create(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          ...fieldsAt(template, 'metadata'),
          name: `${set.metadata.name}-${suffix(random)}`,
          namespace: set.metadata.namespace ?? '',
          ownerReferences: [controlledBy(set)],
        },
        spec: fieldsAt(template, 'spec'),
      },
      controllerManager,
    );
  };

  const reconcile = (key: string): void => {
    const ref = { apiVersion: 'apps/v1', kind: 'ReplicaSet', ...keyed(key) };
    const set = server.get(ref);
    if (!set || set.metadata.deletionTimestamp !== undefined) return;
    const wanted = numberAt(set, 'spec', 'replicas') ?? 1;
    const pods = controlled(server, set, 'v1', 'Pod').filter(isActive);
    const home = server.get({ apiVersion: 'v1', kind: 'Namespace', name: ref.namespace });
    if (home?.metadata.deletionTimestamp === undefined) for (let n = pods.length; n < wanted; n += 1) create(set);
    for (const pod of leastNeeded(pods).slice(0, Math.max(0, pods.length - wanted))) server.remove(referTo(pod), {});

    const active = controlled(server, set, 'v1', 'Pod').filter(isActive);
    const times = active.map((pod) => availableAt(pod, numberAt(set, 'spec', 'minReadySeconds') ?? 0)).filter((time) => time !== undefined);
    const status = {
      replicas: active.length,
      ...counted({ fullyLabeledReplicas: active.length, readyReplicas: times.length, availableReplicas: times.filter((time) => time <= clock.now()).length }),
      observedGeneration: set.metadata.generation ?? 0,
    };
    server.change(ref, controllerStatus, (object) => ({ ...object, status }));
    const later = times.filter((time) => time > clock.now());
    if (later.length > 0) clock.at(Math.min(...later), () => enqueue(key));
  };

  const enqueue = workQueue(clock, reactionMs, reconcile);
  return enqueue;
};
