import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { backendOf, type Lookup } from './backends.ts';
import { at, listAt, numberAt, textAt } from './fields.ts';
import { ageOf, byPrecedence, hostRank, type Candidate } from './precedence.ts';
import { comparison, headerOf, hostMatcher, pathOf, queryOf, type Matcher } from './request.ts';
import type { Route, Target } from './route-model.ts';

const pathMatcher = (match: Json): Matcher => {
  const [type, value] = [textAt(match, 'path', 'type') ?? 'PathPrefix', textAt(match, 'path', 'value') ?? '/'];
  if (type !== 'PathPrefix') {
    const matches = comparison(type, value);
    return (request) => matches(pathOf(request));
  }
  const prefix = value.replace(/\/+$/, '');
  return (request) => pathOf(request) === prefix || pathOf(request).startsWith(`${prefix}/`);
};

const matcherOf = (match: Json): Matcher => {
  const path = pathMatcher(match);
  const method = textAt(match, 'method');
  const fields = (field: string, read: (request: Parameters<Matcher>[0], name: string) => string | undefined): Matcher[] =>
    listAt(match, field).map((wanted) => {
      const [name, matches] = [textAt(wanted, 'name') ?? '', comparison(textAt(wanted, 'type'), textAt(wanted, 'value') ?? '')];
      return (request) => matches(read(request, name));
    });
  const all = [...fields('headers', headerOf), ...fields('queryParams', (request, name) => queryOf(request).get(name) ?? undefined)];
  return (request) => path(request) && (method === undefined || (request.method ?? 'GET') === method) && all.every((matches) => matches(request));
};

/** Why a backendRef leads nowhere: the reason of condition ResolvedRefs, with a message. */
export interface Unresolved {
  readonly reason: 'BackendNotFound' | 'InvalidKind' | 'RefNotPermitted';
  readonly message: string;
}

const unresolved = (reference: Json, home: string, lookup: Lookup): Unresolved | undefined => {
  const name = textAt(reference, 'name') ?? '';
  if ((textAt(reference, 'kind') ?? 'Service') !== 'Service' || (textAt(reference, 'group') ?? '') !== '') return { reason: 'InvalidKind', message: `backend ${name}: only a Service is supported` };
  if ((textAt(reference, 'namespace') ?? home) !== home) return { reason: 'RefNotPermitted', message: `backend ${name}: its namespace is not ${home}` };
  return backendOf(lookup, home, name, at(reference, 'port')).missing ? { reason: 'BackendNotFound', message: `Service ${home}/${name} or its port does not exist` } : undefined;
};

/** The first reference of a route that leads nowhere. */
export const firstUnresolved = (route: KubeObject, lookup: Lookup): Unresolved | undefined =>
  listAt(route, 'spec', 'rules')
    .flatMap((rule) => listAt(rule, 'backendRefs'))
    .map((reference) => unresolved(reference, route.metadata.namespace ?? '', lookup))
    .find((problem) => problem !== undefined);

const shareOf = (reference: Json, home: string, lookup: Lookup): Target => {
  const service = `${home}/${textAt(reference, 'name') ?? ''}`;
  const backend = backendOf(lookup, home, textAt(reference, 'name') ?? '', at(reference, 'port'));
  if (backend.missing || unresolved(reference, home, lookup)) return { is: 'fail', status: 500, service };
  if (backend.ready.length === 0) return { is: 'fail', status: 503, service };
  return { is: 'service', key: `${service}:${String(at(reference, 'port'))}`, service, endpoints: backend.ready };
};

/**
 * A match of a GRPCRoute as that of the HTTP request a call is: its path is `/service/method`. The sandbox's pods speak no gRPC, so
 * a visitor calls by plain requests to that path.
 */
const callAsRequest = (match: Json): Json => {
  const [service, method] = [textAt(match, 'method', 'service'), textAt(match, 'method', 'method')];
  const regular = textAt(match, 'method', 'type') === 'RegularExpression';
  const path: Json =
    regular || (service === undefined && method !== undefined)
      ? { type: 'RegularExpression', value: `/${service ?? '[^/]+'}/${method ?? '[^/]+'}` }
      : method === undefined
        ? { type: 'PathPrefix', value: `/${service ?? ''}` }
        : { type: 'Exact', value: `/${service}/${method}` };
  return { path, headers: listAt(match, 'headers') };
};

const pathRank = (match: Json): readonly number[] => {
  const [type, value] = [textAt(match, 'path', 'type') ?? 'PathPrefix', textAt(match, 'path', 'value') ?? '/'];
  return [type === 'Exact' ? 2 : type === 'PathPrefix' ? 1 : 0, value.length];
};

/** Calls are ranked by the lengths of service and method, requests by their path; then by how much else a match asks for. */
const matchesOf = (rule: Json, kind: string): readonly { readonly match: Json; readonly rank: readonly number[] }[] => {
  const matches = listAt(rule, 'matches');
  // A rule without matches takes everything; an API server writes that into HTTPRoutes, and not into GRPCRoutes.
  if (kind === 'GRPCRoute')
    return (matches.length === 0 ? [{}] : matches).map((match) => ({
      match: callAsRequest(match),
      rank: [textAt(match, 'method', 'service')?.length ?? 0, textAt(match, 'method', 'method')?.length ?? 0, listAt(match, 'headers').length],
    }));
  return matches.map((match) => ({
    match,
    rank: [...pathRank(match), textAt(match, 'method') === undefined ? 0 : 1, listAt(match, 'headers').length, listAt(match, 'queryParams').length],
  }));
};

/**
 * The routes of HTTPRoutes, best first: host, exact path, longest prefix, method, headers, query, oldest object, order of rules. Or those of
 * GRPCRoutes: host, service, method, headers, oldest object, order of rules.
 * A backend that is missing fails its share with 500, one without ready endpoints with 503, and no other.
 */
export const gatewayRoutes = (objects: readonly KubeObject[], lookup: Lookup): readonly Route[] => {
  const candidates = objects.filter((object) => listAt(object, 'spec', 'parentRefs').length > 0).flatMap((object) => {
    const home = object.metadata.namespace ?? '';
    const hostnames = listAt(object, 'spec', 'hostnames').filter((hostname) => typeof hostname === 'string');
    return listAt(object, 'spec', 'rules').flatMap((rule, index) => {
      const key = `${object.kind} ${home}/${object.metadata.name} rule ${index}`;
      const backends = listAt(rule, 'backendRefs');
      const shares = backends.map((reference) => ({ target: shareOf(reference, home, lookup), weight: numberAt(reference, 'weight') ?? 1 }));
      const target: Target = backends.length === 0 ? { is: 'fail', status: 500 } : { is: 'split', key, shares };
      return (hostnames.length > 0 ? hostnames : ['']).flatMap((hostname) =>
        matchesOf(rule, object.kind).map(({ match, rank }): Candidate => {
          const [host, rest] = [hostMatcher(hostname), matcherOf(match)];
          return { name: key, matches: (request) => host(request) && rest(request), target, rank: [...hostRank(hostname), ...rank], age: ageOf(object) };
        }),
      );
    });
  });
  return candidates.sort(byPrecedence);
};
