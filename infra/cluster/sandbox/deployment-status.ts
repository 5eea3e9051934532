import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { allowance } from './deployment-plan.ts';
import { at, listAt, numberAt, textAt, type Fields } from './fields.ts';
import { conditionOf, counted, withCondition, type Condition } from './owners.ts';

interface Verdict {
  readonly status: Fields;
  readonly complete: boolean;
  /** When the progress deadline passes, in milliseconds since the epoch. */
  readonly lookAgainAt: number | undefined;
}

const total = (sets: readonly KubeObject[], field: string, part = 'status'): number => sets.reduce((sum, set) => sum + (numberAt(set, part, field) ?? 0), 0);

const timesOf = (condition: Json | undefined): number => Date.parse(textAt(condition, 'lastUpdateTime') ?? '') || 0;

/**
 * The status of a Deployment as its controller writes it. `fresh` names the ReplicaSet of the current template, `created` says that
 * it was made just now. Conditions follow pkg/controller/deployment/progress.go of Kubernetes 1.36.
 */
export const deploymentStatus = (deployment: KubeObject, sets: readonly KubeObject[], fresh: string | undefined, created: boolean, now: number): Verdict => {
  const wanted = numberAt(deployment, 'spec', 'replicas') ?? 1;
  const updated = total(sets.filter((set) => set.metadata.name === fresh), 'replicas');
  const counts = { replicas: total(sets, 'replicas'), updated, ready: total(sets, 'readyReplicas'), available: total(sets, 'availableReplicas') };
  const was = {
    replicas: numberAt(deployment, 'status', 'replicas') ?? 0,
    updated: numberAt(deployment, 'status', 'updatedReplicas') ?? 0,
    ready: numberAt(deployment, 'status', 'readyReplicas') ?? 0,
    available: numberAt(deployment, 'status', 'availableReplicas') ?? 0,
  };
  const complete = counts.updated === wanted && counts.replicas === wanted && counts.available === wanted;
  const progressed =
    counts.updated > was.updated || counts.replicas - counts.updated < was.replicas - was.updated || counts.ready > was.ready || counts.available > was.available;

  const enough = counts.available >= wanted - allowance(deployment).unavailable;
  const old = listAt(deployment, 'status', 'conditions');
  const availability: Condition = enough
    ? { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : { type: 'Available', status: 'False', reason: 'MinimumReplicasUnavailable', message: 'Deployment does not have minimum availability.' };
  const sameAvailability = textAt(conditionOf(old, 'Available'), 'status') === availability.status;
  let conditions = sameAvailability ? old : withCondition(old, availability, now, 'lastUpdateTime');

  const seconds = numberAt(deployment, 'spec', 'progressDeadlineSeconds') ?? 600;
  const current = conditionOf(conditions, 'Progressing');
  const reason = textAt(current, 'reason');
  const due = timesOf(current) + seconds * 1000;
  const told = (status: Condition['status'], why: string, words: string): void => {
    conditions = withCondition(conditions, { type: 'Progressing', status, reason: why, message: `ReplicaSet "${fresh ?? ''}" ${words}` }, now, 'lastUpdateTime');
  };
  if (at(deployment, 'spec', 'paused') === true) {
    if (reason !== 'DeploymentPaused') told('Unknown', 'DeploymentPaused', 'is paused');
  } else if (reason === 'DeploymentPaused') told('Unknown', 'DeploymentResumed', 'is resumed');
  else if (created) told('True', 'NewReplicaSetCreated', 'was created');
  else if (reason !== 'NewReplicaSetAvailable' || counts.replicas !== counts.updated) {
    // A rollout that has ended is not judged again until pods of another template show up.
    const overdue = reason !== 'NewReplicaSetAvailable' && reason !== 'ProgressDeadlineExceeded' && due < now;
    if (complete) told('True', 'NewReplicaSetAvailable', 'has successfully progressed.');
    else if (progressed || current === undefined) told('True', 'ReplicaSetUpdated', 'is progressing.');
    else if (overdue) told('False', 'ProgressDeadlineExceeded', 'has timed out progressing.');
  }

  const pending = conditionOf(conditions, 'Progressing');
  const waiting = textAt(pending, 'status') === 'True' && textAt(pending, 'reason') !== 'NewReplicaSetAvailable';
  return {
    status: {
      observedGeneration: deployment.metadata.generation ?? 0,
      ...counted({
        replicas: counts.replicas,
        updatedReplicas: counts.updated,
        readyReplicas: counts.ready,
        availableReplicas: counts.available,
        unavailableReplicas: Math.max(0, total(sets, 'replicas', 'spec') - counts.available),
      }),
      conditions,
    },
    complete,
    // A second more, because condition times are whole seconds.
    lookAgainAt: waiting ? timesOf(pending) + seconds * 1000 + 1000 : undefined,
  };
};
