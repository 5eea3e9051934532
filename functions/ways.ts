import { awsCall } from '../infra/aws/call.ts';
import type { Environment } from '../infra/aws/environment.ts';
import type { Clock } from '../infra/clock.ts';
import { tokenAccess } from '../infra/cluster/kubernetes/bearer.ts';
import { eksAccess, type EksCluster } from '../infra/cluster/kubernetes/eks.ts';
import type { Way } from '../infra/cluster/kubernetes.ts';
import type { Outbound } from '../infra/outbound/port.ts';
import type { Secrets } from '../infra/secrets/port.ts';
import type { ClusterConfig } from './cluster-config.ts';

export interface WayOptions {
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly send: Outbound;
  readonly environment: Environment;
}

/** The way to a cluster that its configuration describes. */
export const wayTo = (config: ClusterConfig, { secrets, clock, send, environment }: WayOptions): Way => {
  if ('eks' in config) {
    const { role, ...rest } = config.eks;
    const cluster: EksCluster = { ...rest, ...(role === undefined ? {} : { role }) };
    return { open: () => Promise.resolve(eksAccess({ cluster, call: awsCall({ send, clock, environment }), clock, environment })) };
  }
  if ('server' in config) {
    const { ca, ...rest } = config;
    return { open: () => Promise.resolve(tokenAccess({ ...rest, ...(ca === undefined ? {} : { ca }) }, secrets, clock)) };
  }
  const kubeconfig = 'kubeconfigFrom' in config ? { secret: config.kubeconfigFrom, secrets } : { path: config.kubeconfig ?? environment['KUBECONFIG'] ?? '' };
  return { kubeconfig, ...(config.context === undefined ? {} : { context: config.context }) };
};
