import { RE2JS } from 're2js';
import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { backendOf, type Lookup } from './backends.ts';
import { at, fieldsAt, listAt, numberAt, textAt } from './fields.ts';
import { ageOf, byPrecedence, hostRank, type Candidate } from './precedence.ts';
import { headerOf, hostMatcher, pathOf, queryOf, type Matcher } from './request.ts';
import type { Route, Target } from './route-model.ts';

/** Whether a value is as a header or query condition wants it. A value that is not there fits `notpresent` alone. */
const fits = (wanted: Json | undefined): ((found: string | undefined) => boolean) => {
  const fold = (text: string): string => (at(wanted, 'ignoreCase') === true ? text.toLowerCase() : text);
  const regex = textAt(wanted, 'regex');
  const pattern = regex === undefined ? undefined : RE2JS.compile(regex);
  const has = (operator: string, holds: (given: string) => boolean): boolean => {
    const given = textAt(wanted, operator);
    return given === undefined || holds(fold(given));
  };
  return (found) => {
    if (at(wanted, 'notpresent') === true) return found === undefined;
    const value = found ?? (at(wanted, 'treatMissingAsEmpty') === true ? '' : undefined);
    if (value === undefined) return false;
    const text = fold(value);
    return (
      has('exact', (given) => text === given) &&
      has('notexact', (given) => text !== given) &&
      has('contains', (given) => text.includes(given)) &&
      has('notcontains', (given) => !text.includes(given)) &&
      has('prefix', (given) => text.startsWith(given)) &&
      has('suffix', (given) => text.endsWith(given)) &&
      (pattern === undefined || pattern.matches(value))
    );
  };
};

interface Path {
  readonly matches: Matcher;
  readonly rank: readonly [number, number];
}

/** Prefixes of includes stand before that of the route. A prefix is compared letter by letter: `/api` is one of `/apix`. */
const pathOfConditions = (conditions: readonly Json[]): Path => {
  const prefix = conditions.map((one) => textAt(one, 'prefix') ?? '').join('').replace(/\/+/g, '/') || '/';
  const before = prefix === '/' ? '' : prefix.replace(/\/$/, '');
  const exact = conditions.map((one) => textAt(one, 'exact')).find((value) => value !== undefined);
  const regex = conditions.map((one) => textAt(one, 'regex')).find((value) => value !== undefined);
  if (exact !== undefined) return { matches: (request) => pathOf(request) === `${before}${exact}`, rank: [2, before.length + exact.length] };
  if (regex !== undefined) {
    const pattern = RE2JS.compile(`${before}${regex}`);
    return { matches: (request) => pattern.matches(pathOf(request)), rank: [1, before.length + regex.length] };
  }
  return { matches: (request) => pathOf(request).startsWith(prefix), rank: [0, prefix.length] };
};

const isMirror = (service: Json): boolean => at(service, 'mirror') === true;

/** The services that do not exist, by the names the status gives them. */
const unresolved = (object: KubeObject, lookup: Lookup): readonly string[] => {
  const home = object.metadata.namespace ?? '';
  return [...listAt(object, 'spec', 'routes'), at(object, 'spec', 'tcpproxy') ?? null]
    .flatMap((owner) => listAt(owner, 'services'))
    .filter((service) => backendOf(lookup, home, textAt(service, 'name') ?? '', at(service, 'port')).missing)
    .map((service) => `${home}/${textAt(service, 'name') ?? ''}`);
};

/** What Contour finds wrong with an HTTPProxy, as it stands under condition Valid. */
export const proxyProblem = (object: KubeObject, all: readonly KubeObject[], lookup: Lookup): { readonly type: string; readonly reason: string; readonly message: string } | undefined => {
  const home = object.metadata.namespace ?? '';
  const included = all.some((one) =>
    listAt(one, 'spec', 'includes').some((include) => textAt(include, 'name') === object.metadata.name && (textAt(include, 'namespace') ?? one.metadata.namespace ?? '') === home),
  );
  if (textAt(object, 'spec', 'virtualhost', 'fqdn') === undefined && !included)
    return { type: 'Orphaned', reason: 'Orphaned', message: 'this HTTPProxy is not part of a delegation chain from a root HTTPProxy' };
  const [first] = unresolved(object, lookup);
  return first === undefined ? undefined : { type: 'ServiceError', reason: 'ServiceUnresolvedReference', message: `Service "${first}" or its port does not exist` };
};

/** A service that does not exist is left out, and the others take its share; where no weight is above 0, all count the same. */
const targetOf = (route: Json, key: string, home: string, lookup: Lookup): Target => {
  const known = listAt(route, 'services').filter((service) => !isMirror(service)).flatMap((reference) => {
    const [name, port] = [textAt(reference, 'name') ?? '', at(reference, 'port')];
    const backend = backendOf(lookup, home, name, port);
    if (backend.missing) return [];
    const service = `${home}/${name}`;
    const target: Target = backend.ready.length === 0 ? { is: 'fail', status: 503, service } : { is: 'service', key: `${service}:${String(port)}`, service, endpoints: backend.ready };
    return [{ target, weight: Math.max(0, numberAt(reference, 'weight') ?? 0) }];
  });
  const even = known.every(({ weight }) => weight === 0);
  return known.length === 0 ? { is: 'fail', status: 503 } : { is: 'split', key, shares: even ? known.map((one) => ({ ...one, weight: 1 })) : known };
};

/**
 * The routes of HTTPProxies, best first: host, exact path, regular expression, longest prefix, number of conditions. Includes are
 * followed. Of mirrors, redirects and `tcpproxy` nothing is played.
 */
export const httpProxies = (objects: readonly KubeObject[], lookup: Lookup): readonly Route[] => {
  const routesIn = (root: KubeObject, object: KubeObject, fqdn: string, outer: readonly Json[], depth: number): Candidate[] => {
    const home = object.metadata.namespace ?? '';
    const host = hostMatcher(fqdn);
    const own = listAt(object, 'spec', 'routes').map((route, index): Candidate => {
      const key = `HTTPProxy ${home}/${object.metadata.name} route ${index}`;
      const conditions = [...outer, ...listAt(route, 'conditions')];
      const path = pathOfConditions(conditions);
      const [headers, queries] = (['header', 'queryParameter'] as const).map((field) =>
        conditions.filter((one) => at(one, field) !== undefined).map((one) => ({ name: textAt(one, field, 'name') ?? '', fits: fits(fieldsAt(one, field)) })),
      );
      const matches: Matcher = (request) =>
        host(request) &&
        path.matches(request) &&
        (headers ?? []).every((one) => one.fits(headerOf(request, one.name))) &&
        (queries ?? []).every((one) => one.fits(queryOf(request).get(one.name) ?? undefined));
      return { name: key, matches, target: targetOf(route, key, home, lookup), rank: [...hostRank(fqdn), ...path.rank, (headers ?? []).length, (queries ?? []).length], age: ageOf(root) };
    });
    if (depth > 8) return own;
    const included = listAt(object, 'spec', 'includes').flatMap((include) => {
      const child = lookup.find(object.apiVersion, object.kind, textAt(include, 'namespace') ?? home, textAt(include, 'name') ?? '');
      return child === undefined ? [] : routesIn(root, child, fqdn, [...outer, ...listAt(include, 'conditions')], depth + 1);
    });
    return [...own, ...included];
  };
  const candidates = objects.flatMap((root) => {
    const fqdn = textAt(root, 'spec', 'virtualhost', 'fqdn');
    return fqdn === undefined ? [] : routesIn(root, root, fqdn, [], 0);
  });
  return candidates.sort(byPrecedence);
};
