import type { KubeObject } from '../../cluster/port.ts';
import { fieldOf, entriesOf, isRecord } from '../split/layout.ts';
import type { Layout } from '../split/layout.ts';
import { splitRouter } from '../split/split-router.ts';
import { traefikBackends } from './backends.ts';

const refuse = (object: KubeObject): string | undefined => {
  const spec = object['spec'];
  const weighted = fieldOf(spec, 'weighted');
  if (!isRecord(weighted)) {
    const types = isRecord(spec) ? Object.keys(spec) : [];
    return `it is a TraefikService of type ${types.join(', ') || '(none)'}; allowed is weighted`;
  }
  // The cookie holds a hash of the Service's name, the same in each release: whoever met the last canary would meet the next at once.
  return weighted['sticky'] === undefined
    ? undefined
    : 'spec.weighted.sticky pins users to a version by a cookie that outlives the release; allowed are weights without it (sticky on one service of it pins pods only and may stay)';
};

const layout: Layout = {
  ...traefikBackends,
  kind: 'TraefikService',
  places: (object) => {
    const weighted = fieldOf(object['spec'], 'weighted');
    return isRecord(weighted)
      ? [{ path: '/spec/weighted/services', label: 'spec.weighted.services', rule: 'weighted', entries: entriesOf(weighted['services']) }]
      : [];
  },
  refuse,
};

/** Splits by the weights of `spec.weighted.services`. */
export const traefikService = splitRouter(layout);
