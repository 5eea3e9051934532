import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';

export const namespace = 'default';
export const named = (apiVersion: string, kind: string, name: string, rest: Record<string, Json>): KubeObject => ({ apiVersion, kind, metadata: { name, namespace }, ...rest });

export const service = (name: string): KubeObject => named('v1', 'Service', name, { spec: { selector: { app: name }, ports: [{ name: 'web', port: 80, targetPort: 8080 }] } });
/** What a proxy sees of a Service with so many pods ready, and so many on their way out. */
export const endpoints = (name: string, ready: number, leaving = 0): KubeObject => ({
  ...named('discovery.k8s.io/v1', 'EndpointSlice', `${name}-x`, {}),
  metadata: { name: `${name}-x`, namespace, labels: { 'kubernetes.io/service-name': name } },
  ports: [{ name: 'web', port: 8080, protocol: 'TCP' }],
  endpoints: Array.from({ length: ready + leaving }, (_, i) => ({
    conditions: { ready: i < ready, serving: true, terminating: i >= ready }, targetRef: { kind: 'Pod', name: `${name}-${i}`, uid: `${name}-${i}` },
  })),
});
export const backend = (name: string, ready = 1): KubeObject[] => [service(name), endpoints(name, ready)];

export interface Reference { readonly [field: string]: Json; readonly name: string }
export const to = (name: string, weight?: number): Reference => ({ name, port: 80, ...(weight === undefined ? {} : { weight }) });
export const ingressRoute = (services: readonly Json[], match = 'Host(`demo.test`)', rest: Record<string, Json> = {}): KubeObject =>
  named('traefik.io/v1alpha1', 'IngressRoute', 'demo', { spec: { routes: [{ kind: 'Rule', match, services, ...rest }] } });
export const httpRoute = (rules: readonly Json[], hostnames: readonly string[] = ['demo.test'], name = 'demo'): KubeObject =>
  named('gateway.networking.k8s.io/v1', 'HTTPRoute', name, { spec: { parentRefs: [{ name: 'gw' }], hostnames, rules } });
export const anywhere: Json = [{ path: { type: 'PathPrefix', value: '/' } }];

export const ask = { host: 'demo.test', path: '/' };
