import type { Json } from '../../../events/input.ts';
import type { Clock } from '../../clock.ts';
import type { KubeObject } from '../port.ts';
import { referTo, type ApiServer, type Change } from './api-server.ts';
import { listAt, sameJson, textAt } from './fields.ts';
import { findKind } from './kinds.ts';
import { workQueue } from './work-queue.ts';

/** From the moment an object has lost its owners until it is collected. */
const collectMs = 50;
const collector = { manager: 'kube-controller-manager' };

/**
 * Collects what no living owner holds: dependents of an object that was deleted, and objects created under an owner that was gone
 * already. Also empties a namespace that is being deleted and then lets it go.
 */
export const garbageCollector = (server: ApiServer, clock: Clock): ((change: Change) => void) => {
  const lives = (object: KubeObject) => (owner: Json): boolean => {
    const [apiVersion, kind] = [textAt(owner, 'apiVersion') ?? '', textAt(owner, 'kind') ?? ''];
    const spec = findKind(apiVersion, kind);
    if (!spec) return true;
    const home = spec.namespaced && object.metadata.namespace !== undefined ? { namespace: object.metadata.namespace } : {};
    return server.get({ apiVersion, kind, name: textAt(owner, 'name') ?? '', ...home })?.metadata.uid === textAt(owner, 'uid');
  };

  const collect = (): void => {
    for (const object of server.everything()) {
      const owners = listAt(object, 'metadata', 'ownerReferences');
      const alive = owners.filter(lives(object));
      if (alive.length === owners.length || server.get(referTo(object)) !== object) continue;
      if (alive.length === 0) server.remove(referTo(object), {});
      else server.change(referTo(object), collector, (it) => ({ ...it, metadata: { ...it.metadata, ownerReferences: alive } }));
    }
  };

  const clear = (namespace: string): void => {
    const home = server.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
    if (home?.metadata.deletionTimestamp === undefined) return;
    const inside = server.everything().filter((object) => object.metadata.namespace === namespace);
    for (const object of inside) if (server.get(referTo(object)) === object) server.remove(referTo(object), {});
    if (!server.everything().some((object) => object.metadata.namespace === namespace)) server.erase(referTo(home), home.metadata.uid);
  };

  const collectSoon = workQueue(clock, collectMs, collect);
  const clearSoon = workQueue(clock, collectMs, clear);

  return ({ type, object, before }) => {
    const owners = listAt(object, 'metadata', 'ownerReferences');
    if (type === 'DELETED' || !sameJson(owners, listAt(before, 'metadata', 'ownerReferences'))) collectSoon('');
    const namespace = object.kind === 'Namespace' ? object.metadata.name : object.metadata.namespace;
    if (namespace !== undefined && (type === 'DELETED' || object.kind === 'Namespace')) clearSoon(namespace);
  };
};
