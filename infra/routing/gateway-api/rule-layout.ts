import type { KubeObject } from '../../cluster/port.ts';
import type { Sides } from '../port.ts';
import { canonical } from '../digest.ts';
import { fieldOf, entriesOf, listAt, textOf } from '../split/layout.ts';
import type { Entry, Layout, Place, Reference } from '../split/layout.ts';
import { missingIsOne } from '../split/weights.ts';
import { rejected, takenByParents } from './status.ts';

const reference = (entry: Entry, namespace: string): Reference => {
  const group = textOf(entry['group'], '');
  const kind = textOf(entry['kind'], 'Service');
  const name = textOf(entry['name'], '');
  const home = textOf(entry['namespace'], namespace);
  return {
    service: group === '' && kind === 'Service',
    namespace: home,
    name,
    id: `${group} ${kind} ${home}/${name}:${String(entry['port'] ?? '')}`,
    called: `${kind} ${name === '' ? '(no name)' : name}`,
  };
};

const places = (object: KubeObject): readonly Place[] =>
  listAt(fieldOf(object['spec'], 'rules')).map((rule, index) => {
    const name = fieldOf(rule, 'name');
    const field = name === undefined ? 'matches' : 'name';
    const value = fieldOf(rule, field);
    return {
      path: `/spec/rules/${index}/backendRefs`,
      label: `spec.rules[${index}].backendRefs`,
      rule: canonical([field, value ?? null]),
      ...(value === undefined ? {} : { anchor: { path: `/spec/rules/${index}/${field}`, value } }),
      entries: entriesOf(fieldOf(rule, 'backendRefs')),
    };
  });

const refuse = (object: KubeObject, sides: Sides): string | undefined => {
  const { namespace } = object.metadata;
  if (namespace !== undefined && namespace !== sides.namespace) {
    return (
      `its backends are in namespace ${sides.namespace}; allowed is the namespace of the route, ` +
      'because whether a ReferenceGrant covers the canary Service too cannot be seen here'
    );
  }
  const pinned = listAt(fieldOf(object['spec'], 'rules')).findIndex(
    (rule) =>
      fieldOf(rule, 'sessionPersistence') !== undefined &&
      entriesOf(fieldOf(rule, 'backendRefs')).some((entry) => entry['name'] === sides.stable),
  );
  if (pinned >= 0) {
    return (
      `spec.rules[${pinned}].sessionPersistence keeps users on the backend they met even when its weight is 0 (GEP-1619), ` +
      'so no share could be kept; allowed are rules without it'
    );
  }
  return rejected(object);
};

/**
 * The kinds of the Gateway API whose rules send users to `spec.rules[].backendRefs`: they differ in how rules match, which no
 * release touches.
 */
export const ruleLayout = (kind: 'HTTPRoute' | 'GRPCRoute'): Layout => ({
  kind,
  apiVersions: ['gateway.networking.k8s.io/v1'],
  // Not fragile: the standard takes from the route only the share of a backend that is missing or empty (500 and 503, UNAVAILABLE for
  // gRPC), and so do Traefik's Gateway API provider and Envoy Gateway (measured with HTTPRoute for a missing one). Status comes up to
  // 250 ms before the effect with Traefik's throttle at 200 ms, so with its default of 2 s the lag has to be waited out here as well.
  capabilities: { fragile: false, lagMs: 3000, sticky: false },
  maxWeight: 1_000_000,
  maxEntries: 16,
  places,
  reference,
  weigh: missingIsOne,
  named: (_entry, service) => ({ name: service }),
  refuse,
  taken: takenByParents,
});
