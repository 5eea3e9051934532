import type { Clock } from '../../clock.ts';
import type { ApiServer } from './api-server.ts';
import { fieldsAt, listAt, numberAt, textAt, textsAt, timestamp } from './fields.ts';
import { conditionOf, controlled, controlledBy, controllerManager, controllerStatus, counted, keyed, reactionMs, suffix, withCondition } from './owners.ts';
import { workQueue } from './work-queue.ts';

/** Runs each Job's pod until one succeeds or `backoffLimit` retries are used up; one pod at a time. Call with `namespace/name`. */
export const jobs = (server: ApiServer, clock: Clock, random: () => number): ((key: string) => void) => {
  const reconcile = (key: string): void => {
    const ref = { apiVersion: 'batch/v1', kind: 'Job', ...keyed(key) };
    const job = server.get(ref);
    const home = server.get({ apiVersion: 'v1', kind: 'Namespace', name: ref.namespace });
    if (!job || job.metadata.deletionTimestamp !== undefined || home?.metadata.deletionTimestamp !== undefined) return;
    const conditions = listAt(job, 'status', 'conditions');
    if (conditionOf(conditions, 'Complete') || conditionOf(conditions, 'Failed')) return;

    const pods = controlled(server, job, 'v1', 'Pod');
    const inPhase = (phase: string): number => pods.filter((pod) => textAt(pod, 'status', 'phase') === phase).length;
    const [succeeded, failed] = [inPhase('Succeeded'), inPhase('Failed')];
    const exhausted = failed > (numberAt(job, 'spec', 'backoffLimit') ?? 6);
    const startTime = textAt(job, 'status', 'startTime') ?? timestamp(clock.now());
    const running = pods.length - succeeded - failed;
    if (succeeded === 0 && !exhausted && running === 0) {
      const labels = { ...textsAt(job, 'spec', 'template', 'metadata', 'labels'), 'batch.kubernetes.io/job-name': ref.name };
      const metadata = { name: `${ref.name}-${suffix(random)}`, namespace: ref.namespace, labels, ownerReferences: [controlledBy(job)] };
      server.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: fieldsAt(job, 'spec', 'template', 'spec') }, controllerManager);
    }
    const ended = succeeded > 0
      ? withCondition(conditions, { type: 'Complete', status: 'True', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }, clock.now())
      : exhausted
        ? withCondition(conditions, { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }, clock.now())
        : conditions;
    const active = succeeded > 0 || exhausted ? 0 : 1;
    const status = { startTime, ...counted({ active, succeeded, failed }), ...(ended.length > 0 ? { conditions: ended } : {}), ...(succeeded > 0 ? { completionTime: timestamp(clock.now()) } : {}) };
    server.change(ref, controllerStatus, (object) => ({ ...object, status }));
  };
  return workQueue(clock, reactionMs, reconcile);
};
