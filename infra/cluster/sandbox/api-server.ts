import type { JsonPatchOp, ObjectRef } from '../../../statemachines/document.ts';
import type { Clock } from '../../clock.ts';
import { ClusterError, type Collection, type KubeObject, type WatchEvent } from '../port.ts';
import { withDefaults } from './defaults.ts';
import { fieldsAt, frozen, isFields, listAt, numberAt, sameJson, textAt, timestamp, wire, type Fields } from './fields.ts';
import { patched } from './json-patch.ts';
import { kindOf, type KindSpec } from './kinds.ts';
import { managedFields, type Writer } from './managed-fields.ts';
import { labelSelector } from './selector.ts';
import { validate } from './validate.ts';

/** One change that took effect, in order. `before` is absent for an object that is new. */
export interface Change extends WatchEvent {
  readonly before?: KubeObject;
}

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** The API server without a wire: every call is done when it returns, and throws `ClusterError`. Objects handed out are frozen. */
export type ApiServer = ReturnType<typeof createApiServer>;

const refOf = ({ apiVersion, kind, metadata }: KubeObject): ObjectRef =>
  ({ apiVersion, kind, name: metadata.name, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) });

const shelfOf = (of: Omit<ObjectRef, 'name'>): string => `${of.apiVersion}/${of.kind}/${of.namespace ?? ''}`;

/** Empty maps and lists in metadata are not stored. */
const tidy = (metadata: Fields): Fields =>
  Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined && value !== null && value !== '' && !(typeof value === 'object' && Object.keys(value).length === 0)));

const without = (object: Fields, ...fields: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field)));

const meaning = (object: KubeObject): Fields => ({ ...object, metadata: without(object.metadata, 'managedFields', 'resourceVersion', 'generation') });

const movesGeneration = (kind: KindSpec, before: KubeObject, after: KubeObject): boolean => {
  switch (kind.generation) {
    case 'none': return false;
    case 'spec': return !sameJson(before['spec'], after['spec']);
    case 'spec+annotations': return !sameJson(before['spec'], after['spec']) || !sameJson(fieldsAt(before, 'metadata', 'annotations'), fieldsAt(after, 'metadata', 'annotations'));
    case 'content': return !sameJson(without(before, 'metadata', 'status'), without(after, 'metadata', 'status'));
  }
};

export const createApiServer = (clock: Clock, random: () => number) => {
  const shelves = new Map<string, Map<string, KubeObject>>();
  const listeners = new Set<(change: Change) => void>();
  let version = 1000;
  let addresses = 0;

  const hex = (digits: number): string => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
  const newUid = (): string => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const nextAddress = (): string => `10.96.${(addresses >> 8) & 255}.${addresses++ & 255}`;

  const missing = (kind: KindSpec, name: string): ClusterError => new ClusterError('absent', `${kind.resource} "${name}" not found`, { status: 404 });
  const conflict = (kind: KindSpec, name: string, why: string): ClusterError =>
    new ClusterError('conflict', `Operation cannot be fulfilled on ${kind.resource} "${name}": ${why}`, { status: 409 });

  const scoped = (kind: KindSpec, namespace: string | undefined): void => {
    if (kind.namespaced !== (namespace !== undefined && namespace !== '')) {
      throw new ClusterError('invalid', `${kind.kind} ${kind.namespaced ? 'needs a' : 'has no'} namespace`, { status: 400 });
    }
  };

  const find = (ref: ObjectRef): KubeObject | undefined => shelves.get(shelfOf(ref))?.get(ref.name);
  const put = (object: KubeObject): void => {
    const shelf = shelfOf(refOf(object));
    const there = shelves.get(shelf) ?? new Map<string, KubeObject>();
    shelves.set(shelf, there.set(object.metadata.name, object));
  };
  const expect = (ref: ObjectRef): KubeObject => {
    const kind = kindOf(ref.apiVersion, ref.kind);
    scoped(kind, ref.namespace);
    const found = find(ref);
    if (!found) throw missing(kind, ref.name);
    return found;
  };

  const announce = (change: Change): void => {
    for (const listener of listeners) listener(change);
  };

  const drop = (object: KubeObject): void => {
    shelves.get(shelfOf(refOf(object)))?.delete(object.metadata.name);
    const last = frozen({ ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } });
    announce({ type: 'DELETED', object: last, before: object });
  };

  /** Stores `after` in the place of `before`, unless nothing differs; ends a deletion whose last finalizer is gone. */
  const replace = (kind: KindSpec, before: KubeObject, after: KubeObject, writer: Writer, dryRun: boolean): KubeObject => {
    if (sameJson(meaning(before), meaning(after))) return before;
    const generation = (before.metadata.generation ?? 0) + (writer.subresource === undefined && movesGeneration(kind, before, after) ? 1 : 0);
    const metadata = {
      ...after.metadata,
      ...(kind.generation === 'none' ? {} : { generation }),
      managedFields: managedFields(before, after, writer, clock.now()),
    };
    if (dryRun) return frozen({ ...after, metadata });
    const stored = frozen({ ...after, metadata: { ...metadata, resourceVersion: String(++version) } });
    if (stored.metadata.deletionTimestamp !== undefined && kind.kind !== 'Pod' && kind.kind !== 'Namespace' && listAt(stored, 'metadata', 'finalizers').length === 0) {
      drop(stored);
      return stored;
    }
    put(stored);
    announce({ type: 'MODIFIED', object: stored, before });
    return stored;
  };

  /** What a client may not change is put back; what it must not try is refused. */
  const admitted = (kind: KindSpec, before: KubeObject, wanted: KubeObject): KubeObject => {
    const { name } = before.metadata;
    if (!isFields(wanted.metadata) || wanted.metadata.name !== name || wanted.metadata.namespace !== before.metadata.namespace || wanted.kind !== before.kind || wanted.apiVersion !== before.apiVersion) {
      throw new ClusterError('invalid', `${kind.resource} "${name}": a write may not change apiVersion, kind, name or namespace`, { status: 400 });
    }
    const asked = wanted.metadata.resourceVersion;
    if (asked !== undefined && asked !== '' && asked !== before.metadata.resourceVersion) throw conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again');
    if (wanted.metadata.uid !== undefined && wanted.metadata.uid !== before.metadata.uid) throw new ClusterError('invalid', `${kind.kind} "${name}" is invalid: metadata.uid: field is immutable`, { status: 422 });
    const kept = ['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields'] as const;
    const metadata = tidy({ ...wanted.metadata, ...Object.fromEntries(kept.map((field) => [field, before.metadata[field]])) });
    const status = kind.status ? { status: before['status'] } : {};
    return withDefaults(wire({ ...wanted, ...status, metadata: metadata as KubeObject['metadata'] }), nextAddress);
  };

  return {
    get: (ref: ObjectRef): KubeObject | undefined => find(ref),

    list(collection: Collection): readonly KubeObject[] {
      kindOf(collection.apiVersion, collection.kind);
      const wanted = labelSelector(collection.labelSelector);
      return [...(shelves.get(shelfOf(collection))?.values() ?? [])].filter((object) => wanted(object.metadata.labels ?? {}));
    },

    /** Every object there is, of all kinds and namespaces. */
    everything: (): readonly KubeObject[] => [...shelves.values()].flatMap((shelf) => [...shelf.values()]),

    create(given: KubeObject, writer: Writer, dryRun = false): KubeObject {
      const kind = kindOf(given.apiVersion, given.kind);
      const { name, namespace } = given.metadata;
      scoped(kind, namespace);
      if (given.metadata.resourceVersion) throw new ClusterError('invalid', 'resourceVersion should not be set on objects to be created', { status: 400 });
      if (namespace !== undefined) {
        const home = find({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
        if (!home) throw new ClusterError('absent', `namespaces "${namespace}" not found`, { status: 404 });
        if (home.metadata.deletionTimestamp) throw new ClusterError('forbidden', `${kind.resource} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`, { status: 403 });
      }
      const system = { uid: newUid(), creationTimestamp: timestamp(clock.now()), ...(kind.generation === 'none' ? {} : { generation: 1 }) };
      const metadata = tidy({ ...without(given.metadata, 'generation', 'deletionTimestamp', 'managedFields'), ...system }) as KubeObject['metadata'];
      const content = kind.status ? without(given, 'status') : given;
      const object = withDefaults(wire({ ...content, apiVersion: given.apiVersion, kind: given.kind, metadata }), nextAddress);
      validate(kind, object);
      if (find(refOf(object))) throw new ClusterError('exists', `${kind.resource} "${name}" already exists`, { status: 409 });
      const owned = { ...object, metadata: { ...object.metadata, managedFields: managedFields(undefined, object, writer, clock.now()) } };
      if (dryRun) return frozen(owned);
      const stored = frozen({ ...owned, metadata: { ...owned.metadata, resourceVersion: String(++version) } });
      put(stored);
      announce({ type: 'ADDED', object: stored });
      return stored;
    },

    patch(ref: ObjectRef, ops: readonly JsonPatchOp[], writer: Writer, dryRun = false): KubeObject {
      const kind = kindOf(ref.apiVersion, ref.kind);
      const before = expect(ref);
      const after = admitted(kind, before, patched(before, ops));
      validate(kind, after, before);
      return replace(kind, before, after, writer, dryRun);
    },

    /** A controller's write: `change` gets the object as it is now. Nothing happens when the object is gone. */
    change(ref: ObjectRef, writer: Writer, change: (object: KubeObject) => KubeObject): KubeObject | undefined {
      const before = find(ref);
      return before && replace(kindOf(ref.apiVersion, ref.kind), before, wire(change(before)), writer, false);
    },

    /** Deletes, or begins to: a Pod first gets its grace period, a Namespace and what has finalizers wait to be finished. */
    remove(ref: ObjectRef, preconditions: Preconditions): void {
      const kind = kindOf(ref.apiVersion, ref.kind);
      const found = expect(ref);
      const { uid, resourceVersion } = found.metadata;
      if (preconditions.uid !== undefined && preconditions.uid !== uid) throw conflict(kind, ref.name, `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid})`);
      if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) throw conflict(kind, ref.name, `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion})`);
      if (found.metadata.deletionTimestamp !== undefined) return;
      const grace = kind.kind === 'Pod' && textAt(found, 'spec', 'nodeName') !== undefined ? (numberAt(found, 'spec', 'terminationGracePeriodSeconds') ?? 30) : 0;
      if (grace === 0 && kind.kind !== 'Namespace' && listAt(found, 'metadata', 'finalizers').length === 0) return drop(found);
      const leaving = { deletionTimestamp: timestamp(clock.now() + grace * 1000), deletionGracePeriodSeconds: grace };
      const status = kind.kind === 'Namespace' ? { status: { phase: 'Terminating' } } : {};
      replace(kind, found, { ...found, ...status, metadata: { ...found.metadata, ...leaving } }, { manager: 'kube-apiserver' }, false);
    },

    /** Takes a terminating object out for good. `uid` guards against a newer one of the same name. */
    erase(ref: ObjectRef, uid: string | undefined): void {
      const found = find(ref);
      if (found && found.metadata.uid === uid) drop(found);
    },

    /** Calls back after every change, in order, until disposed of. */
    subscribe(listener: (change: Change) => void): () => void {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
};

/** Names an object for later calls. */
export const referTo = refOf;
