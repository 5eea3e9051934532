import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../../cluster/port.ts';
import type { Capabilities, Sides, Verified } from '../port.ts';
import type { Weigh } from './weights.ts';

/** One weighted backend of a route object, with whatever fields its kind has. */
export interface Entry {
  readonly [field: string]: Json | undefined;
}

/** Names what an entry sends users to. `service` is false for anything that is not a core Service. */
export interface Reference {
  readonly service: boolean;
  readonly namespace: string;
  readonly name: string;
  /** Tells this backend from the others of its list, port included. */
  readonly id: string;
  /** As people read it: `Service web`. */
  readonly called: string;
}

/** A list of weighted backends inside an object. `path` is its JSON pointer, `label` the same for people. */
export interface Place {
  readonly path: string;
  readonly label: string;
  /** What names the rule the list is in when its index has moved; need not be unique. */
  readonly rule: string;
  /** The part of the object that `rule` was read from, to be tested before a blind write; absent where there is none. */
  readonly anchor?: { readonly path: string; readonly value: Json };
  readonly entries: readonly Entry[];
}

/** What differs between the kinds whose backends carry a `weight`. */
export interface Layout {
  readonly kind: string;
  readonly apiVersions: readonly string[];
  readonly capabilities: Capabilities;
  readonly maxWeight: number;
  readonly maxEntries: number;
  places(object: KubeObject): readonly Place[];
  /** `namespace` is that of the object, the default of a reference without one. */
  reference(entry: Entry, namespace: string): Reference;
  /** What the entries of one list count for, as this data plane reads the weights written in it. */
  readonly weigh: Weigh;
  /** The fields of an entry that name its Service, as they are for another Service of the same namespace. */
  named(entry: Entry, service: string): Entry;
  /** Entries that stand in the list without a share of its users, a mirror for one: never touched, never counted. Absent: there are none. */
  readonly bystander?: (entry: Entry) => boolean;
  /** Why no entry of a canary can stand beside this one of stable, said after the entry's place; undefined when one can. Absent: always. */
  readonly single?: (entry: Entry) => string | undefined;
  /** Limits of this kind alone, said without the object's name; undefined when there are none in the way. */
  refuse(object: KubeObject, sides: Sides): string | undefined;
  /** Asked when the content is as wanted: has the object's controller taken it? `back`: our entries are to be gone. */
  taken(object: KubeObject, back: boolean): Verified;
}

export const isRecord = (value: Json | undefined): value is { readonly [field: string]: Json | undefined } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const listAt = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);

export const fieldOf = (value: Json | undefined, field: string): Json | undefined => (isRecord(value) ? value[field] : undefined);

export const textOf = (value: Json | undefined, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

/** Entries in their order; what is no object keeps its index and names nothing. */
export const entriesOf = (value: Json | undefined): readonly Entry[] => listAt(value).map((item) => (isRecord(item) ? item : {}));

/** `IngressRoute pro/demo`, as every sentence about an object begins. */
export const nameOf = (object: KubeObject): string => `${object.kind} ${object.metadata.namespace ?? '-'}/${object.metadata.name}`;
