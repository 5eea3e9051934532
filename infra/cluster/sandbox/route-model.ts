import type { Balancer } from './balancer.ts';
import type { GatewayRequest, Matcher } from './request.ts';

/** One pod that takes new requests, as an EndpointSlice names it. */
export interface Endpoint {
  readonly pod: string;
  readonly uid: string;
}

/** Where a route sends a request. `key` names what is balanced, so that turns are kept per route and per Service. */
export type Target =
  | { readonly is: 'service'; readonly key: string; readonly service: string; readonly endpoints: readonly Endpoint[] }
  | { readonly is: 'fail'; readonly status: 500 | 503; readonly service?: string }
  | { readonly is: 'split'; readonly key: string; readonly shares: readonly { readonly target: Target; readonly weight: number }[] };

export interface Route {
  readonly name: string;
  readonly matches: Matcher;
  readonly target: Target;
}

/** What becomes of a request: a pod of a Service, or the status that the proxy answers itself. Services are `namespace/name`. */
export type Choice =
  | { readonly outcome: 'pod'; readonly service: string; readonly endpoint: Endpoint }
  | { readonly outcome: 'refused'; readonly status: 404 | 500 | 503; readonly service?: string };

const follow = (target: Target, balance: Balancer): Choice => {
  switch (target.is) {
    case 'fail': return { outcome: 'refused', status: target.status, ...(target.service === undefined ? {} : { service: target.service }) };
    case 'service': {
      const endpoint = target.endpoints[balance(target.key, target.endpoints.map(() => 1))];
      return endpoint ? { outcome: 'pod', service: target.service, endpoint } : { outcome: 'refused', status: 503, service: target.service };
    }
    case 'split': {
      const share = target.shares[balance(target.key, target.shares.map(({ weight }) => weight))];
      return share ? follow(share.target, balance) : { outcome: 'refused', status: 503 };
    }
  }
};

/** The first route that matches decides; without one the answer is 404. */
export const choose = (routes: readonly Route[], request: GatewayRequest, balance: Balancer): Choice => {
  const route = routes.find(({ matches }) => matches(request));
  return route ? follow(route.target, balance) : { outcome: 'refused', status: 404 };
};
