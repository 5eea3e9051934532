import type { Environment } from '../infra/aws/environment.ts';
import type { Clock } from '../infra/clock.ts';
import { connectClusters } from '../infra/cluster/kubernetes/clusters.ts';
import type { Metrics } from '../infra/metrics/port.ts';
import { prometheusMetrics } from '../infra/metrics/prometheus.ts';
import { httpOutbound } from '../infra/outbound/http.ts';
import type { Ports } from '../infra/ports.ts';
import { httpRegistry } from '../infra/registry/http.ts';
import type { Secrets } from '../infra/secrets/port.ts';
import type { Config } from './config.ts';
import { wayTo } from './ways.ts';

/** The outer ports that a configuration names, without store and queue. Nothing is connected before it is asked for. */
export const outerPorts = (config: Config, secrets: Secrets, clock: Clock, environment: Environment = process.env): Pick<Ports, 'cluster' | 'metrics' | 'registry'> => {
  const send = httpOutbound();
  const clusters = connectClusters(Object.fromEntries(Object.entries(config.clusters).map(([name, way]) => [name, wayTo(way, { secrets, clock, send, environment })])));
  const metrics = new Map<string, Metrics>(
    Object.entries(config.metrics).map(([name, { url, auth }]) => [
      name,
      prometheusMetrics({ url, send, secrets, allow: config.outbound, ...(auth === undefined ? {} : { auth }) }),
    ]),
  );
  const registries = Object.entries(config.registries);
  return {
    cluster: (name) => (clusters.names.includes(name) ? clusters.cluster(name) : Promise.resolve(undefined)),
    metrics: (provider) => metrics.get(provider),
    registry: httpRegistry({
      send,
      secrets,
      clock,
      allow: config.outbound,
      insecure: registries.filter(([, { insecure }]) => insecure).map(([host]) => host),
      credentials: Object.fromEntries(
        registries.flatMap(([host, { username, password }]) => (username === undefined || password === undefined ? [] : [[host, { username, password }]])),
      ),
    }),
  };
};
