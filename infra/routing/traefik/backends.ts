import type { Capabilities, Verified } from '../port.ts';
import { textOf } from '../split/layout.ts';
import type { Entry, Layout, Reference } from '../split/layout.ts';
import { missingIsOne } from '../split/weights.ts';

/** Both groups are served by Traefik 2.10 and later 2.x; 3.x knows the first alone. An object is written in the group it has. */
const traefikVersions = ['traefik.io/v1alpha1', 'traefik.containo.us/v1alpha1'] as const;

/**
 * Fragile: one backend without endpoints makes Traefik drop the whole router, stable's share too (measured). The lag is
 * providersThrottleDuration, 2 s by default, and a second for the watch; nothing in the object shows when it has passed.
 */
const traefikCapabilities: Capabilities = { fragile: true, lagMs: 3000, sticky: false };

const traefikReference = (entry: Entry, namespace: string): Reference => {
  const kind = textOf(entry['kind'], 'Service');
  const name = textOf(entry['name'], '');
  const home = textOf(entry['namespace'], namespace);
  return {
    service: kind === 'Service',
    namespace: home,
    name,
    id: `${kind} ${home}/${name}:${String(entry['port'] ?? '')}`,
    called: `${kind} ${name === '' ? '(no name)' : name}`,
  };
};

const inEffect: Verified = { state: 'inEffect' };

/** What the two kinds of Traefik have in common. They have no status: what the object says is all that can be seen. */
export const traefikBackends = {
  apiVersions: traefikVersions,
  capabilities: traefikCapabilities,
  // Its weights are Go ints; this fits the smallest of them.
  maxWeight: 2 ** 31 - 1,
  maxEntries: Number.POSITIVE_INFINITY,
  reference: traefikReference,
  weigh: missingIsOne,
  named: (_entry: Entry, service: string): Entry => ({ name: service }),
  taken: () => inEffect,
} as const satisfies Partial<Layout>;
