import type { KubeObject } from '../port.ts';
import { lookupIn } from './backends.ts';
import { gatewayRoutes } from './gateway-routes.ts';
import { httpProxies } from './http-proxies.ts';
import { ingressRoutes } from './ingress-routes.ts';
import type { Route } from './route-model.ts';
import { virtualServices } from './virtual-services.ts';

/**
 * Everything a proxy does with these objects: its routes, best first. One proxy plays them all here: where objects of several data
 * planes want the same request, the kinds come in this order. Pure.
 */
export const routesOf = (objects: readonly KubeObject[]): readonly Route[] => {
  const lookup = lookupIn(objects);
  const ofKind = (wanted: string): readonly KubeObject[] => objects.filter(({ kind }) => kind === wanted);
  return [
    ...ingressRoutes(ofKind('IngressRoute'), lookup),
    ...gatewayRoutes(ofKind('HTTPRoute'), lookup),
    ...gatewayRoutes(ofKind('GRPCRoute'), lookup),
    ...virtualServices(ofKind('VirtualService'), lookup),
    ...httpProxies(ofKind('HTTPProxy'), lookup),
  ];
};
