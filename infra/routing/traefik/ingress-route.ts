import { fieldOf, entriesOf, listAt, textOf } from '../split/layout.ts';
import type { Layout, Place } from '../split/layout.ts';
import { splitRouter } from '../split/split-router.ts';
import { traefikBackends } from './backends.ts';

const layout: Layout = {
  ...traefikBackends,
  kind: 'IngressRoute',
  places: (object) =>
    listAt(fieldOf(object['spec'], 'routes')).map((route, index): Place => {
      const match = fieldOf(route, 'match');
      return {
        path: `/spec/routes/${index}/services`,
        label: `spec.routes[${index}].services`,
        rule: textOf(match, ''),
        ...(match === undefined ? {} : { anchor: { path: `/spec/routes/${index}/match`, value: match } }),
        entries: entriesOf(fieldOf(route, 'services')),
      };
    }),
  refuse: () => undefined,
};

/** Splits by the weights of `spec.routes[].services`. A sticky cookie on one of these services pins pods inside it, not versions. */
export const ingressRoute = splitRouter(layout);
