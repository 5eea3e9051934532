import type { Clock } from '../../clock.ts';
import type { ApiServer, Change } from './api-server.ts';
import { deployments } from './deployments.ts';
import { endpointSlices } from './endpoints.ts';
import { garbageCollector } from './garbage.ts';
import { jobs } from './jobs.ts';
import { controllerOf } from './owners.ts';
import type { Node } from './pods.ts';
import { replicaSets } from './replica-sets.ts';

/** Starts everything that reacts to writes: workload controllers, the node, endpoints and the garbage collector. */
export const startControllers = (server: ApiServer, clock: Clock, random: () => number, node: Node): void => {
  const deployment = deployments(server, clock);
  const replicaSet = replicaSets(server, clock, random);
  const job = jobs(server, clock, random);
  const endpoints = endpointSlices(server, clock, random);
  const collect = garbageCollector(server, clock);

  const nearby = (namespace: string): void => {
    for (const service of server.list({ apiVersion: 'v1', kind: 'Service', namespace })) endpoints(`${namespace}/${service.metadata.name}`);
  };
  const pod = ({ type, object }: Change): void => {
    if (type === 'ADDED') node.added(object);
    else if (type === 'MODIFIED') node.modified(object);
    else node.deleted(object);
    nearby(object.metadata.namespace ?? '');
  };

  /** A Deployment with strategy Recreate waits for the last pod to be gone, which no ReplicaSet's status shows. */
  const recreated = (namespace: string, name: string): void => {
    const set = server.get({ apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace, name });
    const owner = set && controllerOf(set);
    if (owner?.kind === 'Deployment') deployment(`${namespace}/${owner.name}`);
  };

  server.subscribe((change) => {
    const { object } = change;
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const owner = controllerOf(object);
    const ownerKey = `${object.metadata.namespace ?? ''}/${owner?.name ?? ''}`;
    switch (object.kind) {
      case 'Deployment': deployment(key); break;
      case 'ReplicaSet':
        replicaSet(key);
        if (owner?.kind === 'Deployment') deployment(ownerKey);
        break;
      case 'Pod':
        pod(change);
        if (owner?.kind === 'ReplicaSet') {
          replicaSet(ownerKey);
          if (change.type === 'DELETED') recreated(object.metadata.namespace ?? '', owner.name);
        }
        if (owner?.kind === 'Job') job(ownerKey);
        break;
      case 'Service': endpoints(key); break;
      case 'Job': job(key); break;
      default:
    }
    collect(change);
  });
};
