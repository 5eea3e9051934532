import type { KubeObject } from '../port.ts';
import { lookupIn } from './backends.ts';
import { httpRoutes } from './http-routes.ts';
import { ingressRoutes } from './ingress-routes.ts';
import type { Route } from './route-model.ts';

/** Everything a proxy does with these objects: its routes, best first. IngressRoutes come before HTTPRoutes. Pure. */
export const routesOf = (objects: readonly KubeObject[]): readonly Route[] => {
  const lookup = lookupIn(objects);
  const ofKind = (kind: string): readonly KubeObject[] => objects.filter((object) => object.kind === kind);
  return [...ingressRoutes(ofKind('IngressRoute'), lookup), ...httpRoutes(ofKind('HTTPRoute'), lookup)];
};
