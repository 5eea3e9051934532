import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { at, listAt, textAt } from './fields.ts';
import type { Endpoint } from './route-model.ts';

/** The objects a proxy knows at some moment, found by kind and name. */
export interface Lookup {
  find(apiVersion: string, kind: string, namespace: string, name: string): KubeObject | undefined;
  slices(namespace: string, service: string): readonly KubeObject[];
}

export const lookupIn = (objects: readonly KubeObject[]): Lookup => {
  const known = new Map(objects.map((object) => [`${object.apiVersion}/${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`, object]));
  const slices = new Map<string, KubeObject[]>();
  for (const object of objects) {
    if (object.kind !== 'EndpointSlice') continue;
    const service = `${object.metadata.namespace ?? ''}/${object.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`;
    slices.set(service, [...(slices.get(service) ?? []), object]);
  }
  return {
    find: (apiVersion, kind, namespace, name) => known.get(`${apiVersion}/${kind}/${namespace}/${name}`),
    slices: (namespace, service) => slices.get(`${namespace}/${service}`) ?? [],
  };
};

/**
 * The endpoints behind one port of a Service. `ready` take new requests; `serving` counts those that still answer as well, which
 * includes pods that are on their way out. `missing`: there is no such Service or port.
 */
export type Backend = { readonly missing: true } | { readonly missing: false; readonly ready: readonly Endpoint[]; readonly serving: number };

/** Finds a Service's endpoints by port number or name. */
export const backendOf = (lookup: Lookup, namespace: string, name: string, port: Json | undefined): Backend => {
  const service = lookup.find('v1', 'Service', namespace, name);
  const found = listAt(service, 'spec', 'ports').find((candidate) => at(candidate, 'port') === port || (typeof port === 'string' && at(candidate, 'name') === port));
  if (found === undefined) return { missing: true };
  const portName = textAt(found, 'name') ?? '';
  const endpoints = lookup
    .slices(namespace, name)
    .filter((slice) => listAt(slice, 'ports').some((candidate) => (textAt(candidate, 'name') ?? '') === portName))
    .flatMap((slice) => listAt(slice, 'endpoints'));
  const ready = endpoints.filter((endpoint) => at(endpoint, 'conditions', 'ready') === true);
  return {
    missing: false,
    ready: ready.map((endpoint) => ({ pod: textAt(endpoint, 'targetRef', 'name') ?? '', uid: textAt(endpoint, 'targetRef', 'uid') ?? '' })),
    serving: endpoints.filter((endpoint) => at(endpoint, 'conditions', 'serving') === true).length,
  };
};
