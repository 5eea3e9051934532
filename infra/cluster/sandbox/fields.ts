import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';

/** A JSON object whose fields are not known by type. */
export type Fields = { readonly [key: string]: Json | undefined };

/** Whether a value is a JSON object (not a list, not null). */
export const isFields = (value: Json | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at a path, or undefined where the path leads nowhere. */
export const at = (value: Json | undefined, ...path: readonly (string | number)[]): Json | undefined => {
  let here: Json | undefined = value;
  for (const step of path) {
    if (Array.isArray(here)) here = (here as readonly Json[])[Number(step)];
    else if (isFields(here) && Object.hasOwn(here, step)) here = here[step];
    else return undefined;
  }
  return here;
};

export const textAt = (value: Json | undefined, ...path: readonly (string | number)[]): string | undefined => {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
};

export const numberAt = (value: Json | undefined, ...path: readonly (string | number)[]): number | undefined => {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : undefined;
};

/** The list at a path; empty where there is none. */
export const listAt = (value: Json | undefined, ...path: readonly (string | number)[]): readonly Json[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as readonly Json[]) : [];
};

/** The object at a path; empty where there is none. */
export const fieldsAt = (value: Json | undefined, ...path: readonly (string | number)[]): Fields => {
  const found = at(value, ...path);
  return isFields(found) ? found : {};
};

/** The string values of the object at a path. */
export const textsAt = (value: Json | undefined, ...path: readonly (string | number)[]): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fieldsAt(value, ...path)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

/** Whether two JSON values are the same, whatever the order of their keys. */
export const sameJson = (a: Json | undefined, b: Json | undefined): boolean => {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item: Json, i) => sameJson(item, b[i] as Json));
  if (!isFields(a) || !isFields(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => sameJson(a[key], b[key]));
};

/** What is frozen all the way down: nobody can change it, so nobody needs a copy of it. */
const still = new WeakSet<object>();

/** A private copy as it would come off the wire: fields that are undefined are gone. Parts that are `frozen` are shared. */
export const wire = <T extends Json | KubeObject>(value: T): T => copied(value as Json) as T;

const copied = (value: Json): Json => {
  if (typeof value !== 'object' || value === null) return typeof value === 'number' && !Number.isFinite(value) ? null : value;
  if (still.has(value)) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => copied((item as Json | undefined) ?? null));
  const copy: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value as Fields)) if (item !== undefined) copy[key] = copied(item);
  return copy;
};

/** Freezes a value, as it came off the wire, all the way down and returns it. */
export const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !still.has(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) frozen(item);
    still.add(value);
  }
  return value;
};

/** RFC 3339 to the second, as Kubernetes writes times. */
export const timestamp = (millis: number): string => `${new Date(millis).toISOString().slice(0, 19)}Z`;
