import { RE2JS } from 're2js';
import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { backendOf, type Lookup } from './backends.ts';
import { at, fieldsAt, listAt, numberAt, textAt } from './fields.ts';
import { ageOf, byPrecedence, hostRank, type Candidate } from './precedence.ts';
import { headerOf, hostMatcher, pathOf, queryOf, type Matcher } from './request.ts';
import type { Route, Target } from './route-model.ts';

type Text = (found: string | undefined) => boolean;

/** A StringMatch; an empty one asks that there is a value. */
const textMatch = (wanted: Json | undefined): Text => {
  const [exact, prefix, regex] = [textAt(wanted, 'exact'), textAt(wanted, 'prefix'), textAt(wanted, 'regex')];
  const pattern = regex === undefined ? undefined : RE2JS.compile(regex);
  return (found) =>
    found !== undefined &&
    (exact === undefined || found === exact) &&
    (prefix === undefined || found.startsWith(prefix)) &&
    (pattern === undefined || pattern.matches(found));
};

const each = (wanted: Json | undefined, read: (request: Parameters<Matcher>[0], name: string) => string | undefined): Matcher => {
  const all = Object.entries(fieldsAt(wanted)).map(([name, match]) => [name, textMatch(match)] as const);
  return (request) => all.every(([name, matches]) => matches(read(request, name)));
};

const never: Matcher = () => false;
const always: Matcher = () => true;

const condition = (field: string, wanted: Json | undefined): Matcher => {
  const matches = textMatch(wanted);
  switch (field) {
    case 'uri': return (request) => matches(pathOf(request));
    case 'method': return (request) => matches(request.method ?? 'GET');
    case 'authority': return (request) => matches(request.host);
    case 'scheme': return () => matches('http');
    case 'headers': return each(wanted, headerOf);
    case 'queryParams': return each(wanted, (request, name) => queryOf(request).get(name) ?? undefined);
    case 'withoutHeaders': {
      const unwanted = Object.entries(fieldsAt(wanted)).map(([name, match]) => [name, textMatch(match)] as const);
      return (request) => !unwanted.some(([name, found]) => found(headerOf(request, name)));
    }
    case 'name': case 'statPrefix': case 'gateways': return always;
    // What a visitor of the sandbox has not: a port, labels, a namespace.
    default: return never;
  }
};

/** Or over the entries of a match, and inside one. */
const matchOf = (route: Json): Matcher => {
  const entries = listAt(route, 'match').map((match) => Object.entries(fieldsAt(match)).map(([field, wanted]) => condition(field, wanted)));
  return entries.length === 0 ? always : (request) => entries.some((all) => all.every((matches) => matches(request)));
};

/** Names with a dot are taken as they are. There are no DestinationRules here, so no subset is known. */
const destinationTarget = (destination: Json | undefined, home: string, lookup: Lookup): Target => {
  const host = textAt(destination, 'host') ?? '';
  const [, name = '', namespace = home] = /^([^.]+)(?:\.([^.]+)\.svc\.cluster\.local)?$/.exec(host) ?? [];
  const service = `${namespace}/${name}`;
  const port = at(destination, 'port', 'number') ?? at(lookup.find('v1', 'Service', namespace, name), 'spec', 'ports', 0, 'port');
  const backend = backendOf(lookup, namespace, name, port);
  if (backend.missing || backend.ready.length === 0 || at(destination, 'subset') !== undefined) return { is: 'fail', status: 503, service };
  return { is: 'service', key: `${service}:${String(port)}`, service, endpoints: backend.ready };
};

/** Redirects and answers of the proxy's own are not played: 500. A destination alone is used as it is; beside others no weight is 0. */
const targetOf = (route: Json, key: string, home: string, lookup: Lookup): Target => {
  const destinations = listAt(route, 'route');
  const shares = destinations.map((one) => ({ target: destinationTarget(at(one, 'destination'), home, lookup), weight: Math.max(0, numberAt(one, 'weight') ?? 0) }));
  const [only] = shares;
  if (only === undefined) return { is: 'fail', status: 500 };
  return shares.length === 1 ? only.target : { is: 'split', key, shares };
};

const namesOf = (host: string, home: string): readonly string[] =>
  host.includes('.') || host === '*' ? [host] : [host, `${host}.${home}`, `${host}.${home}.svc`, `${host}.${home}.svc.cluster.local`];

/**
 * The routes of VirtualServices: the best host, the oldest object, and then the first that matches. A destination that is no Service, that
 * has no ready endpoint or that names a subset answers 503 for its share, and no other. One level of delegates is followed. The sandbox
 * plays every gateway and the mesh at once; routes of tls and tcp, mirrors, faults and retries are not played.
 */
export const virtualServices = (objects: readonly KubeObject[], lookup: Lookup): readonly Route[] => {
  const routesIn = (object: KubeObject, host: string, outer: Matcher | undefined): Candidate[] => {
    const home = object.metadata.namespace ?? '';
    return listAt(object, 'spec', 'http').flatMap((route, index): Candidate[] => {
      const own = matchOf(route);
      const matches: Matcher = outer === undefined ? own : (request) => outer(request) && own(request);
      const delegate = at(route, 'delegate');
      if (delegate === undefined) {
        const key = `VirtualService ${home}/${object.metadata.name} route ${index}`;
        return [{ name: key, matches, target: targetOf(route, key, home, lookup), rank: hostRank(host), age: ageOf(object) }];
      }
      const [name, namespace] = [textAt(delegate, 'name'), textAt(delegate, 'namespace') ?? home];
      const child = outer === undefined ? objects.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace) : undefined;
      return child === undefined ? [] : routesIn(child, host, matches).map((one) => ({ ...one, age: ageOf(object) }));
    });
  };
  const candidates = objects.flatMap((object) =>
    listAt(object, 'spec', 'hosts').filter((host) => typeof host === 'string').flatMap((host) => {
      const names = namesOf(host, object.metadata.namespace ?? '').map(hostMatcher);
      return routesIn(object, host, undefined).map((one): Candidate => ({ ...one, matches: (request) => names.some((name) => name(request)) && one.matches(request) }));
    }),
  );
  return candidates.sort(byPrecedence);
};
