import type { Cluster } from '../cluster/port.ts';
import { at, listAt } from './template.ts';

/** How many endpoints of a Service are ready, as a proxy would see it. One request. */
export const readyEndpoints = async (cluster: Cluster, namespace: string, service: string, signal: AbortSignal): Promise<number> => {
  const slices = await cluster.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace, labelSelector: `kubernetes.io/service-name=${service}` }, signal);
  const endpoints = slices.flatMap((slice) => listAt(slice, 'endpoints'));
  // A missing condition means ready, and an address may stand in several slices.
  const ready = endpoints.filter((endpoint) => at(endpoint as never, 'conditions', 'ready') !== false);
  return new Set(ready.map((endpoint) => String(listAt(endpoint as never, 'addresses')[0]) + JSON.stringify(at(endpoint as never, 'targetRef') ?? ''))).size;
};

/** Reasons of a waiting container that do not go away by waiting. */
const hopeless = new Set(['CrashLoopBackOff', 'ImagePullBackOff', 'InvalidImageName', 'CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);

/** Why the pods of a selector do not come up, or undefined as long as they may. One request. */
export const hopelessPods = async (cluster: Cluster, namespace: string, labelSelector: string, signal: AbortSignal): Promise<string | undefined> => {
  const pods = await cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector }, signal);
  for (const pod of pods)
    for (const status of [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')]) {
      const reason = at(status as never, 'state', 'waiting', 'reason');
      if (typeof reason === 'string' && hopeless.has(reason)) return `pod ${pod.metadata.name} is in ${reason}`;
    }
  return undefined;
};
