import type { Json } from '../../../events/input.ts';
import type { Clock } from '../../clock.ts';
import type { KubeObject } from '../port.ts';
import { referTo, type ApiServer } from './api-server.ts';
import { at, listAt, numberAt, sameJson, textAt, textsAt } from './fields.ts';
import { controlledBy, keyed, reactionMs, suffix } from './owners.ts';
import { isReady } from './replica-sets.ts';
import { selects } from './selector.ts';
import { workQueue } from './work-queue.ts';

const writer = { manager: 'kube-controller-manager' };
const serviceKey = 'kubernetes.io/service-name';

/** The port of a pod that a Service port means; a name is looked up in the pod's containers. */
const podPort = (pod: KubeObject, target: Json | undefined): number | undefined =>
  typeof target === 'number'
    ? target
    : numberAt(listAt(pod, 'spec', 'containers').flatMap((container) => listAt(container, 'ports')).find((port) => textAt(port, 'name') === target), 'containerPort');

const portsFor = (service: KubeObject, pod: KubeObject): readonly Json[] =>
  listAt(service, 'spec', 'ports').flatMap((port): Json[] => {
    const number = podPort(pod, at(port, 'targetPort'));
    return number === undefined ? [] : [{ name: textAt(port, 'name') ?? '', port: number, protocol: textAt(port, 'protocol') ?? 'TCP' }];
  });

const endpointFor = (pod: KubeObject): Json => {
  const [serving, terminating] = [isReady(pod), pod.metadata.deletionTimestamp !== undefined];
  return {
    addresses: [textAt(pod, 'status', 'podIP') ?? ''],
    conditions: { ready: serving && !terminating, serving, terminating },
    nodeName: textAt(pod, 'spec', 'nodeName') ?? '',
    targetRef: { kind: 'Pod', name: pod.metadata.name, namespace: pod.metadata.namespace ?? '', uid: pod.metadata.uid ?? '' },
  };
};

/** Pods that resolve the Service's ports alike share a slice; without any pod there is one empty slice. */
const groups = (service: KubeObject, pods: readonly KubeObject[]): readonly { readonly ports: readonly Json[]; readonly endpoints: readonly Json[] }[] => {
  const found = new Map<string, { ports: readonly Json[]; endpoints: Json[] }>();
  for (const pod of pods) {
    const ports = portsFor(service, pod);
    const group = found.get(JSON.stringify(ports)) ?? { ports, endpoints: [] };
    group.endpoints.push(endpointFor(pod));
    found.set(JSON.stringify(ports), group);
  }
  return found.size > 0 ? [...found.values()] : [{ ports: [], endpoints: [] }];
};

/** Keeps the EndpointSlices of each Service true. Call with `namespace/name` of a Service when it or a pod near it has changed. */
export const endpointSlices = (server: ApiServer, clock: Clock, random: () => number): ((key: string) => void) => {
  const reconcile = (key: string): void => {
    const { namespace, name } = keyed(key);
    const service = server.get({ apiVersion: 'v1', kind: 'Service', namespace, name });
    const home = server.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
    const selector = textsAt(service, 'spec', 'selector');
    if (!service || home?.metadata.deletionTimestamp !== undefined || Object.keys(selector).length === 0) return;

    const pods = server
      .list({ apiVersion: 'v1', kind: 'Pod', namespace })
      .filter((pod) => selects(selector, pod.metadata.labels ?? {}) && textAt(pod, 'status', 'podIP') !== undefined && !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? ''));
    const wanted = groups(service, pods);
    const slices = [...server.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace, labelSelector: `${serviceKey}=${name}` })];
    const take = (ports: readonly Json[]): KubeObject | undefined => {
      const same = slices.findIndex((slice) => sameJson(listAt(slice, 'ports'), ports));
      return slices.splice(same >= 0 ? same : 0, 1)[0];
    };
    for (const { ports, endpoints } of wanted) {
      const slice = take(ports);
      if (slice) server.change(referTo(slice), writer, (object) => ({ ...object, ports, endpoints }));
      else {
        const labels = { [serviceKey]: name, 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' };
        const metadata = { name: `${name}-${suffix(random)}`, namespace, labels, ownerReferences: [controlledBy(service)] };
        server.create({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: 'IPv4', ports, endpoints }, writer);
      }
    }
    for (const slice of slices) server.remove(referTo(slice), {});
  };
  return workQueue(clock, reactionMs, reconcile);
};
