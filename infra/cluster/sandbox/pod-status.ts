import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { listAt, textAt, timestamp, type Fields } from './fields.ts';
import { withCondition } from './owners.ts';

/** What the node reports about a pod's containers. */
export type ContainerState =
  | { readonly is: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly is: 'running'; readonly ready: boolean }
  | { readonly is: 'ended'; readonly exitCode: number };

const phaseOf = (state: ContainerState): string =>
  state.is === 'ended' ? (state.exitCode === 0 ? 'Succeeded' : 'Failed') : state.is === 'running' || state.reason === 'CrashLoopBackOff' ? 'Running' : 'Pending';

const stateField = (state: ContainerState, startedAt: string): Fields => {
  switch (state.is) {
    case 'waiting': return { waiting: { reason: state.reason, message: state.message } };
    case 'running': return { running: { startedAt } };
    case 'ended': return { terminated: { exitCode: state.exitCode, reason: state.exitCode === 0 ? 'Completed' : 'Error', startedAt, finishedAt: startedAt } };
  }
};

/** The status of a pod with its containers in this state. `ip` is the address its endpoints show. */
export const podStatus = (pod: KubeObject, ip: string, state: ContainerState, restarts: number, now: number): Fields => {
  const ready = state.is === 'running' && state.ready;
  const truth = ready ? 'True' : 'False';
  const why = ready ? '' : state.is === 'ended' ? 'PodCompleted' : 'ContainersNotReady';
  const set = (conditions: readonly Json[], type: string, status: 'True' | 'False', reason: string): readonly Json[] =>
    withCondition(conditions, { type, status, reason, message: '' }, now);
  let conditions = listAt(pod, 'status', 'conditions');
  conditions = set(conditions, 'PodScheduled', 'True', '');
  conditions = set(conditions, 'Initialized', 'True', '');
  conditions = set(conditions, 'ContainersReady', truth, why);
  conditions = set(conditions, 'Ready', truth, why);
  const running = state.is === 'running';
  return {
    phase: phaseOf(state),
    conditions,
    hostIP: '10.0.0.1',
    podIP: ip,
    podIPs: [{ ip }],
    startTime: textAt(pod, 'status', 'startTime') ?? timestamp(now),
    qosClass: 'BestEffort',
    containerStatuses: listAt(pod, 'spec', 'containers').map((container) => ({
      name: textAt(container, 'name') ?? '',
      image: textAt(container, 'image') ?? '',
      imageID: running ? (textAt(container, 'image') ?? '') : '',
      ready,
      started: running,
      restartCount: restarts,
      state: stateField(state, timestamp(now)),
    })),
  };
};
