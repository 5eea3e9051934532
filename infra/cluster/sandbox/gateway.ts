import type { Clock } from '../../clock.ts';
import type { ApiServer } from './api-server.ts';
import { lookupIn } from './backends.ts';
import { roundRobin } from './balancer.ts';
import { reportGatewayRoute, reportHttpProxy } from './gateway-status.ts';
import { laggedView, type Lags } from './lagged-view.ts';
import type { Node, RunningPod } from './pods.ts';
import type { GatewayRequest } from './request.ts';
import { choose, type Route } from './route-model.ts';
import { routesOf } from './routes.ts';

/** What became of one request. `service` is `namespace/name`; `version` is what the pod calls itself. */
export interface GatewayAnswer {
  readonly status: number;
  readonly service?: string;
  readonly pod?: string;
  readonly version?: string;
}

/** A request on its way to a pod, or the status that the gateway answers itself. */
export type Dispatch = { readonly to: RunningPod; readonly service: string; readonly pod: string } | { readonly status: number; readonly service?: string };

/** Answers by version and status; the version is `-` where no pod answered. */
export type RequestCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Gateway {
  /** Decides one request as the proxy would at this moment, and lets the pod answer, without sockets. Counted like any other. */
  route(request: GatewayRequest): GatewayAnswer;
  counts(): RequestCounts;
}

/** The gateway without sockets: what it sees of the cluster, lagging behind, and what it makes of it. */
export const createGateway = (server: ApiServer, clock: Clock, random: () => number, lags: Lags, node: Node) => {
  const balance = roundRobin();
  const counted = new Map<string, Map<number, number>>();
  let routes: readonly Route[] | undefined;

  const view = laggedView(server, clock, random, lags, () => {
    routes = undefined;
    const objects = view.objects();
    const reported = objects.filter(({ kind }) => kind === 'HTTPRoute' || kind === 'GRPCRoute');
    const proxies = objects.filter(({ kind }) => kind === 'HTTPProxy');
    if (reported.length + proxies.length === 0) return;
    const lookup = lookupIn(objects);
    for (const route of reported) reportGatewayRoute(server, route, lookup, clock.now());
    for (const proxy of proxies) reportHttpProxy(server, proxy, proxies, lookup, clock.now());
  });

  const count = ({ version = '-', status }: GatewayAnswer): void => {
    const byStatus = counted.get(version) ?? new Map<number, number>();
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    counted.set(version, byStatus);
  };

  /** A pod that is down refuses the connection, and the proxy answers 502. */
  const dispatch = (request: GatewayRequest): Dispatch => {
    routes ??= routesOf(view.objects());
    const choice = choose(routes, request, balance);
    if (choice.outcome === 'refused') return { status: choice.status, ...(choice.service === undefined ? {} : { service: choice.service }) };
    const pod = node.running(choice.endpoint.uid);
    return pod?.up ? { to: pod, service: choice.service, pod: choice.endpoint.pod } : { status: 502, service: choice.service };
  };

  return {
    dispatch,
    count,
    route(request: GatewayRequest): GatewayAnswer {
      const sent = dispatch(request);
      const answer: GatewayAnswer = 'to' in sent
        ? { status: random() < sent.to.behaviour.errorRate ? 500 : 200, service: sent.service, pod: sent.pod, version: sent.to.behaviour.version }
        : sent;
      count(answer);
      return answer;
    },
    counts: (): RequestCounts => Object.fromEntries([...counted].map(([version, byStatus]) => [version, Object.fromEntries(byStatus)])),
    close: (): void => view.close(),
  };
};
