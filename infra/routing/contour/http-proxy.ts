import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../../cluster/port.ts';
import { canonical } from '../digest.ts';
import type { Sides } from '../port.ts';
import { entriesOf, fieldOf, listAt, textOf } from '../split/layout.ts';
import type { Entry, Layout, Place, Reference } from '../split/layout.ts';
import { splitRouter } from '../split/split-router.ts';
import type { Weigh } from '../split/weights.ts';
import { rejected, takenByContour } from './status.ts';

/** It has no references across namespaces: another namespace is included as an HTTPProxy of its own. */
const reference = (entry: Entry, namespace: string): Reference => {
  const name = textOf(entry['name'], '');
  return { service: true, namespace, name, id: `${name}:${String(entry['port'] ?? '')}`, called: `Service ${name === '' ? '(no name)' : name}` };
};

/** A missing weight is 0, and where nothing is above 0 all count the same (measured). */
const weigh: Weigh = (written) => (written.some((weight) => weight !== null && weight > 0) ? written.map((weight) => weight ?? 0) : written.map(() => 1));

const isMirror = (entry: Entry): boolean => entry['mirror'] === true;

const placeOf = (path: string, rule: string, services: Json | undefined, anchor?: Place['anchor']): Place => ({
  path: `${path}/services`,
  label: `${path.slice(1).replace(/\/(\d+)/g, '[$1]').replaceAll('/', '.')}.services`,
  rule,
  ...(anchor === undefined ? {} : { anchor }),
  entries: entriesOf(services),
});

const places = (object: KubeObject): readonly Place[] => {
  const routes = listAt(fieldOf(object['spec'], 'routes')).map((route, index) => {
    const path = `/spec/routes/${index}`;
    const conditions = fieldOf(route, 'conditions');
    const anchor = conditions === undefined ? undefined : { path: `${path}/conditions`, value: conditions };
    return placeOf(path, canonical(conditions), fieldOf(route, 'services'), anchor);
  });
  const tcp = fieldOf(object['spec'], 'tcpproxy');
  return tcp === undefined ? routes : [...routes, placeOf('/spec/tcpproxy', 'tcpproxy', fieldOf(tcp, 'services'))];
};

const refuse = (object: KubeObject, sides: Sides): string | undefined => {
  const mirror = places(object).find(({ entries }) => entries.some((entry) => isMirror(entry) && entry['name'] === sides.canary));
  return mirror === undefined
    ? rejected(object)
    : `${mirror.label} mirrors to the Service ${sides.canary}, which this release did not write; allowed is a name for the canary that is free`;
};

const layout: Layout = {
  kind: 'HTTPProxy',
  apiVersions: ['projectcontour.io/v1'],
  // Not fragile: without a Service its share goes to the others (measured), without endpoints it answers 503 for its share. A write was in
  // effect after 18 ms at most, before the status said so; Contour may gather changes for half a second under load.
  capabilities: { fragile: false, lagMs: 1000, sticky: false },
  // Envoy wants the weights of a route to sum to 32 bits: a thousand millions do.
  maxWeight: 1_000_000,
  maxEntries: 1000,
  places,
  reference,
  weigh,
  named: (_entry, service) => ({ name: service }),
  bystander: isMirror,
  refuse,
  taken: takenByContour,
};

/**
 * Splits by the weights of `spec.routes[].services`, and of `spec.tcpproxy.services`, where they hold for new connections only: one that
 * is open stays with its version until it or the pod ends. A cookie of `loadBalancerPolicy` pins pods inside a Service, not versions.
 */
export const httpProxy = splitRouter(layout);
