import { httpProxy } from './contour/http-proxy.ts';
import { grpcRoute } from './gateway-api/grpc-route.ts';
import { httpRoute } from './gateway-api/http-route.ts';
import { virtualService } from './istio/virtual-service.ts';
import type { Router } from './port.ts';
import { ingressRoute } from './traefik/ingress-route.ts';
import { traefikService } from './traefik/traefik-service.ts';

const routers: ReadonlyMap<string, Router> = new Map(
  [ingressRoute, traefikService, httpRoute, grpcRoute, virtualService, httpProxy].map((router) => [router.kind, router]),
);

/** Kinds that a definition may name as a route. */
export const routerKinds: readonly string[] = [...routers.keys()];

/** The router of a kind. Throws an error that names the kinds there are when it has none. */
export const routerOf = (kind: string): Router => {
  const router = routers.get(kind);
  if (router === undefined) throw new Error(`no router for objects of kind ${JSON.stringify(kind)}; allowed are ${routerKinds.join(', ')}`);
  return router;
};
