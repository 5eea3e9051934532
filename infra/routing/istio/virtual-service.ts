import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../../cluster/port.ts';
import { canonical } from '../digest.ts';
import type { Sides } from '../port.ts';
import { entriesOf, fieldOf, isRecord, listAt, textOf } from '../split/layout.ts';
import type { Entry, Layout, Place, Reference } from '../split/layout.ts';
import { splitRouter } from '../split/split-router.ts';
import type { Weigh } from '../split/weights.ts';
import { isComplete, readHost, siblingHost } from './host.ts';

const hostOf = (entry: Entry): string => textOf(fieldOf(entry['destination'], 'host'), '');

const reference = (entry: Entry, namespace: string): Reference => {
  const host = hostOf(entry);
  const service = readHost(host, namespace);
  return {
    service: service !== undefined,
    namespace: service?.namespace ?? '',
    name: service?.name ?? '',
    id: canonical(entry['destination']),
    called: `host ${host === '' ? '(no name)' : host}`,
  };
};

/** A destination alone gets every user whatever is written; beside others a missing weight is 0 (`HTTPRouteDestination.weight`). */
const weigh: Weigh = (written) => (written.length === 1 ? written.map((weight) => weight || 1) : written.map((weight) => weight ?? 0));

const named = (entry: Entry, service: string): Entry => {
  const { destination } = entry;
  return { destination: { ...(isRecord(destination) ? destination : {}), host: siblingHost(hostOf(entry), service) } };
};

/**
 * The canary is a host of its own. Subsets, and the traffic policy that comes with them, belong to the DestinationRule of one host: kept,
 * the subset would be unknown for the canary's host (503); dropped, the canary would run under another policy than stable does.
 */
const single = (entry: Entry): string | undefined => {
  const subset = fieldOf(entry['destination'], 'subset');
  const host = hostOf(entry);
  if (subset !== undefined) {
    return (
      `destination.subset is ${JSON.stringify(subset)}, which a DestinationRule defines for the host ${host} alone and not for the canary's host; ` +
      'allowed are destinations without subset (what traffic policy stable has, a DestinationRule for the host of the canary gives that one too)'
    );
  }
  return isComplete(host)
    ? undefined
    : `destination.host is ${host}, which Istio takes as it stands and finds no Service by; allowed are the name of a Service of the same namespace and <name>.<namespace>.svc.cluster.local`;
};

const protocols = ['http', 'tls', 'tcp'] as const;

const places = (object: KubeObject): readonly Place[] =>
  protocols.flatMap((protocol) =>
    listAt(fieldOf(object['spec'], protocol)).map((route, index): Place => {
      const field = fieldOf(route, 'name') === undefined ? 'match' : 'name';
      const value = fieldOf(route, field);
      return {
        path: `/spec/${protocol}/${index}/route`,
        label: `spec.${protocol}[${index}].route`,
        rule: canonical([protocol, field, value ?? null]),
        ...(value === undefined ? {} : { anchor: { path: `/spec/${protocol}/${index}/${field}`, value } }),
        entries: entriesOf(fieldOf(route, 'route')),
      };
    }),
  );

const mirrorsOf = (route: Json): readonly Json[] => [fieldOf(route, 'mirror') ?? null, ...listAt(fieldOf(route, 'mirrors')).map((one) => fieldOf(one, 'destination') ?? null)];

const refuse = (object: KubeObject, sides: Sides): string | undefined => {
  const home = object.metadata.namespace ?? sides.namespace;
  const isCanary = (destination: Json): boolean => {
    const service = readHost(textOf(fieldOf(destination, 'host'), ''), home);
    return service?.name === sides.canary && service.namespace === sides.namespace;
  };
  const at = listAt(fieldOf(object['spec'], 'http')).findIndex((route) => mirrorsOf(route).some(isCanary));
  return at < 0 ? undefined : `spec.http[${at}] mirrors to the Service ${sides.canary}, which this release did not write; allowed is a name for the canary that is free`;
};

const layout: Layout = {
  kind: 'VirtualService',
  apiVersions: ['networking.istio.io/v1', 'networking.istio.io/v1beta1', 'networking.istio.io/v1alpha3'],
  // Not fragile: a destination without endpoints, or that is no Service, answers 503 for its share (the latter measured). No status: the
  // lag is the longest that istiod gathers changes before it pushes them (PILOT_DEBOUNCE_MAX, 10 s; 0.1 s when nothing else changes).
  capabilities: { fragile: false, lagMs: 10_000, sticky: false },
  // Envoy wants the weights of a route to sum to 32 bits: a thousand millions do.
  maxWeight: 1_000_000,
  maxEntries: 1000,
  places,
  reference,
  weigh,
  named,
  single,
  refuse,
  taken: () => ({ state: 'inEffect' }),
};

/**
 * Splits by the weights of `spec.http[].route`, and of `spec.tls[].route` and `spec.tcp[].route`, where they hold for new connections
 * only: one that is open stays with its version until it or the pod ends. Routes that delegate, and roots of delegates, have no
 * destinations of ours; the VirtualService they delegate to is the one to name.
 */
export const virtualService = splitRouter(layout);
