import { createHash } from 'node:crypto';
import type { Json } from '../../events/input.ts';
import type { KubeObject } from '../cluster/port.ts';

/** A container as far as Sluice reads it. */
export interface Container {
  readonly name: string;
  readonly image: string;
}

const ordered = (value: Json | undefined): Json | undefined => {
  if (Array.isArray(value)) return value.map((item: Json) => ordered(item) ?? null);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, ordered(item as Json | undefined)]),
  );
};

/** Hash of a JSON value that does not depend on the order of keys. */
export const hashOf = (value: Json | undefined): string =>
  createHash('sha256')
    .update(JSON.stringify(ordered(value)) ?? '')
    .digest('hex')
    .slice(0, 16);

type Fields = Readonly<Record<string, Json | undefined>>;
const fields = (value: Json | undefined): Fields => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {});
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);

/** The field at this path of an object, undefined where anything on the way is missing. */
export const at = (object: KubeObject | Fields, ...path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((value, key) => fields(value)[key], object as Json);
export const fieldsAt = (object: KubeObject | Fields, ...path: readonly string[]): Fields => fields(at(object, ...path));
export const listAt = (object: KubeObject | Fields, ...path: readonly string[]): readonly Json[] => list(at(object, ...path));

export const containersOf = (workload: KubeObject): readonly Container[] => listAt(workload, 'spec', 'template', 'spec', 'containers') as unknown as readonly Container[];

/** The pod template with another image in one container. */
export const templateWith = (workload: KubeObject, container: string, image: string): Fields => {
  const template = fieldsAt(workload, 'spec', 'template');
  const containers = containersOf(workload).map((one) => (one.name === container ? { ...one, image } : one));
  return { ...template, spec: { ...fieldsAt(template, 'spec'), containers: containers as unknown as Json } };
};

/** `host/repository` of an image reference, without tag and digest. */
export const repositoryOf = (image: string): string => image.replace(/@sha256:[0-9a-f]{64}$/, '').replace(/:[^:/]+$/, '');

interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly time?: string;
  readonly fieldsV1?: Json;
}
const managedFields = (object: KubeObject): readonly ManagedFields[] => (object.metadata.managedFields ?? []) as readonly ManagedFields[];

/** Who wrote below this path last, by the object's managed fields; `somebody` when they do not say. */
export const lastWriter = (object: KubeObject, ...path: readonly string[]): string => {
  const writers = managedFields(object).filter(({ manager, fieldsV1 }) => manager !== 'sluice' && at(fields(fieldsV1), ...path.map((key) => `f:${key}`)) !== undefined);
  const [last] = [...writers].sort((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1));
  return last?.manager ?? 'somebody';
};

/** Field managers of GitOps tools: what they own they write again from Git. */
const gitOps = /^(argocd|argo-cd|kustomize-controller|helm-controller|flux|fleet|config-sync|kapp)/i;

/** The GitOps tool that applies the image of this container, or undefined. */
export const gitOpsOwner = (workload: KubeObject, container: string): string | undefined =>
  managedFields(workload).find(
    ({ manager = '', fieldsV1 }) =>
      gitOps.test(manager) && at(fields(fieldsV1), 'f:spec', 'f:template', 'f:spec', 'f:containers', `k:{"name":"${container}"}`, 'f:image') !== undefined,
  )?.manager;
