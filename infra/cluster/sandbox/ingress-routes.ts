import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { backendOf, type Lookup } from './backends.ts';
import { at, isFields, listAt, numberAt, textAt } from './fields.ts';
import type { Route, Target } from './route-model.ts';
import { traefikRule } from './traefik-rule.ts';

/** Thrown where Traefik would log an error and leave the whole router out. */
class Dropped extends Error {}

const sameNamespace = (reference: Json, home: string): string => {
  const namespace = textAt(reference, 'namespace') ?? home;
  if (namespace !== home) throw new Dropped(`${namespace} is not the namespace of the route`);
  return namespace;
};

const serviceTarget = (reference: Json, home: string, lookup: Lookup): Target => {
  const name = textAt(reference, 'name') ?? '';
  const backend = backendOf(lookup, sameNamespace(reference, home), name, at(reference, 'port'));
  // Pods on their way out keep a router alive but get no new requests (Traefik 3.6, crd/kubernetes_http.go: "fenced").
  if (backend.missing || backend.serving === 0) throw new Dropped(`Service ${name} is missing or has no endpoints`);
  const service = `${home}/${name}`;
  return { is: 'service', key: `${service}:${String(at(reference, 'port'))}`, service, endpoints: backend.ready };
};

const targetOf = (references: readonly Json[], key: string, home: string, apiVersion: string, lookup: Lookup, depth = 0): Target => {
  const one = (reference: Json): Target => {
    if (textAt(reference, 'kind') !== 'TraefikService') return serviceTarget(reference, home, lookup);
    const name = textAt(reference, 'name') ?? '';
    const weighted = at(lookup.find(apiVersion, 'TraefikService', sameNamespace(reference, home), name), 'spec', 'weighted', 'services');
    if (!Array.isArray(weighted) || depth > 8) throw new Dropped(`TraefikService ${name} is missing, not weighted, or refers to itself`);
    return targetOf(weighted as readonly Json[], `TraefikService ${home}/${name}`, home, apiVersion, lookup, depth + 1);
  };
  const [only] = references;
  if (only === undefined) throw new Dropped('no services');
  // One service alone is used as it is, whatever weight it carries.
  if (references.length === 1 && depth === 0) return one(only);
  return { is: 'split', key, shares: references.map((reference) => ({ target: one(reference), weight: Math.max(0, numberAt(reference, 'weight') ?? 1) })) };
};

/**
 * The routers that Traefik makes of IngressRoutes, best first. A rule that names a Service, TraefikService or Middleware which is
 * missing, or a Service without endpoints, is left out as a whole, weights notwithstanding (routing.md section 3).
 */
export const ingressRoutes = (objects: readonly KubeObject[], lookup: Lookup): readonly Route[] => {
  // Two rules of an object with the same match share a key, and the last one wins.
  const routers = new Map<string, Route & { readonly priority: number }>();
  for (const object of objects) {
    const home = object.metadata.namespace ?? '';
    for (const rule of listAt(object, 'spec', 'routes')) {
      const match = textAt(rule, 'match') ?? '';
      const key = `${object.apiVersion} ${home}/${object.metadata.name} ${match}`;
      try {
        for (const middleware of listAt(rule, 'middlewares')) {
          const namespace = sameNamespace(middleware, home);
          if (!isFields(lookup.find(object.apiVersion, 'Middleware', namespace, textAt(middleware, 'name') ?? ''))) throw new Dropped('a Middleware is missing');
        }
        const target = targetOf(listAt(rule, 'services'), key, home, object.apiVersion, lookup);
        const priority = numberAt(rule, 'priority') ?? 0;
        routers.set(key, { name: key, matches: traefikRule(match), target, priority: priority === 0 ? match.length : priority });
      } catch (error) {
        if (!(error instanceof Dropped) && !(error instanceof Error && /Syntax/.test(error.name))) throw error;
      }
    }
  }
  return [...routers.values()].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
};
