import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import type { ApiServer } from './api-server.ts';
import { at, listAt, textAt, timestamp } from './fields.ts';

/** The field manager under which the sandbox's controllers write. */
export const controllerManager = { manager: 'kube-controller-manager' };
export const controllerStatus = { manager: 'kube-controller-manager', subresource: 'status' } as const;

/** How often a controller looks again after something changed, in milliseconds: a real one reacts in about this time. */
export const reactionMs = 10;

/** The reference by which a controller owns what it creates. */
export const controlledBy = (owner: KubeObject): Json => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});

/** The reference to the controller of an object, if it has one. */
export const controllerOf = (object: KubeObject): { readonly kind: string; readonly name: string; readonly uid: string } | undefined => {
  const owner = listAt(object, 'metadata', 'ownerReferences').find((reference) => at(reference, 'controller') === true);
  return owner === undefined ? undefined : { kind: textAt(owner, 'kind') ?? '', name: textAt(owner, 'name') ?? '', uid: textAt(owner, 'uid') ?? '' };
};

/** What an object controls, of one kind, oldest first. */
export const controlled = (server: ApiServer, owner: KubeObject, apiVersion: string, kind: string): readonly KubeObject[] =>
  server.list({ apiVersion, kind, namespace: owner.metadata.namespace ?? '' }).filter((object) => controllerOf(object)?.uid === owner.metadata.uid);

/** Five characters that Kubernetes would append to a generated name: no vowels, no digits that look like letters. */
export const suffix = (random: () => number): string => {
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  return Array.from({ length: 5 }, () => letters[Math.floor(random() * letters.length)]).join('');
};

export interface Condition {
  readonly [field: string]: Json | undefined;
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** The condition of a type within a list of them. */
export const conditionOf = (conditions: readonly Json[], type: string): Json | undefined => conditions.find((condition) => textAt(condition, 'type') === type);

/** The conditions with one set; its transition time moves only with its status. `times` are further time fields to set to now. */
export const withCondition = (conditions: readonly Json[], wanted: Condition, now: number, ...times: readonly string[]): readonly Json[] => {
  const old = conditionOf(conditions, wanted.type);
  const since = textAt(old, 'status') === wanted.status ? (textAt(old, 'lastTransitionTime') ?? timestamp(now)) : timestamp(now);
  const fresh = { ...wanted, lastTransitionTime: since, ...Object.fromEntries(times.map((field) => [field, timestamp(now)])) };
  return old === undefined ? [...conditions, fresh] : conditions.map((condition) => (condition === old ? fresh : condition));
};

/** Numbers without the zeros, which a status leaves out. */
export const counted = (counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(counts).filter(([, n]) => n !== 0));

/** Splits a work queue's key. */
export const keyed = (key: string): { readonly namespace: string; readonly name: string } => {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};
