import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { at, fieldsAt, isFields, listAt, textAt, timestamp, type Fields } from './fields.ts';

/** Who writes: the field manager and, for a status write, the subresource. */
export interface Writer {
  readonly manager: string;
  readonly subresource?: 'status';
}

/** A path in FieldsV1 notation (`f:spec`, `k:{"name":"app"}`) joined by a character that none of its steps holds. */
type Path = string;
const joint = '\u0000';

/** Lists whose items have an identity of their own; all others are owned as a whole. */
const listKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  conditions: ['type'],
  ownerReferences: ['uid'],
};
/** Kinds whose schema knows no keyed lists. */
const unkeyed = new Set(['IngressRoute', 'TraefikService', 'Middleware', 'HTTPRoute', 'GRPCRoute', 'VirtualService', 'HTTPProxy']);
const systemFields = new Set(['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields']);

/** The leaves of an object, but for the parts that it shares with `other`: a write has left those alone. */
const leaves = (object: KubeObject, other: KubeObject | undefined): Map<Path, string> => {
  const found = new Map<Path, string>();
  const walk = (value: Json, path: readonly string[], name: string): void => {
    const keys = unkeyed.has(object.kind) ? undefined : listKeys[name];
    if (isFields(value) && Object.keys(value).length > 0) {
      for (const [key, inner] of Object.entries(value)) if (inner !== undefined) walk(inner, [...path, `f:${key}`], key);
    } else if (Array.isArray(value) && keys && value.length > 0) {
      for (const item of value as readonly Json[]) {
        const key = `k:${JSON.stringify(Object.fromEntries(keys.map((field) => [field, at(item, field) ?? null])))}`;
        found.set([...path, key, '.'].join(joint), '');
        walk(item, [...path, key], '');
      }
    } else found.set(path.join(joint), JSON.stringify(value));
  };
  for (const [field, value] of Object.entries(object)) {
    if (field === 'apiVersion' || field === 'kind' || value === undefined) continue;
    if (field !== 'metadata') {
      if (typeof value !== 'object' || value !== other?.[field]) walk(value, [`f:${field}`], field);
    } else
      for (const [key, inner] of Object.entries(fieldsAt(value)))
        if (!systemFields.has(key) && inner !== undefined && (typeof inner !== 'object' || inner !== other?.metadata[key])) walk(inner, ['f:metadata', `f:${key}`], key);
  }
  return found;
};

const decoded = new WeakMap<object, ReadonlySet<Path>>();

const decode = (tree: Json | undefined): ReadonlySet<Path> => {
  const known = isFields(tree) ? decoded.get(tree) : undefined;
  if (known !== undefined) return known;
  const found = new Set<Path>();
  const walk = (node: Fields, path: readonly string[]): void => {
    const steps = Object.entries(node);
    if (steps.length === 0 && path.length > 0) found.add(path.join(joint));
    for (const [step, inner] of steps) walk(fieldsAt(inner), [...path, step]);
  };
  walk(fieldsAt(tree), []);
  if (isFields(tree)) decoded.set(tree, found);
  return found;
};

const encode = (paths: Iterable<Path>): Fields => {
  interface Node { [step: string]: Node }
  const root: Node = {};
  for (const path of [...paths].sort()) {
    let node = root;
    for (const step of path.split(joint)) node = node[step] ??= {};
  }
  return root;
};

/**
 * The managed fields after a write: what it changed now belongs to the writer and to nobody else, as for an update (not an
 * apply) on a real server. `now` in milliseconds since the epoch.
 */
export const managedFields = (before: KubeObject | undefined, after: KubeObject, writer: Writer, now: number): readonly Json[] => {
  const [old, fresh] = [before ? leaves(before, after) : new Map<Path, string>(), leaves(after, before)];
  const changed = [...fresh].filter(([path, value]) => old.get(path) !== value).map(([path]) => path);
  const taken = new Set([...changed, ...[...old.keys()].filter((path) => !fresh.has(path))]);
  const entries = listAt(before, 'metadata', 'managedFields');
  const isWriters = (entry: Json): boolean => textAt(entry, 'manager') === writer.manager && textAt(entry, 'subresource') === writer.subresource;

  const others = entries.flatMap((entry): Json[] => {
    if (isWriters(entry)) return [];
    const held = decode(at(entry, 'fieldsV1'));
    const left = [...held].filter((path) => !taken.has(path));
    if (left.length === held.size && left.length > 0) return [entry];
    return left.length === 0 ? [] : [{ ...fieldsAt(entry), fieldsV1: encode(left) }];
  });
  const mine = entries.find(isWriters);
  const kept = [...decode(at(mine, 'fieldsV1'))].filter((path) => !taken.has(path));
  if (kept.length + changed.length === 0) return others;
  return [
    ...others,
    {
      manager: writer.manager,
      operation: 'Update',
      apiVersion: after.apiVersion,
      time: changed.length === 0 ? textAt(mine, 'time') : timestamp(now),
      fieldsType: 'FieldsV1',
      fieldsV1: encode([...kept, ...changed]),
      ...(writer.subresource ? { subresource: writer.subresource } : {}),
    },
  ];
};
