import type { KubeObject } from '../../infra/cluster/port.ts';

export const image = 'registry.sandbox/team/demo';
export const namespace = 'bench-home';
/** Pods of the stable version: as many as Argo's in the measurements of its cost. */
const replicas = 4;

/** Copies of the route are written to real clusters, whose proxies must find nothing in them for their users (RFC 6761 keeps the name free). */
export const nobodysHost = 'Host(`sluice-bench.invalid`)';

export type RouteKind = 'IngressRoute' | 'HTTPRoute';

const route = (kind: RouteKind, name: string): KubeObject =>
  kind === 'IngressRoute'
    ? {
        apiVersion: 'traefik.io/v1alpha1',
        kind,
        metadata: { name, namespace },
        spec: { entryPoints: ['web'], routes: [{ kind: 'Rule', match: nobodysHost, services: [{ name, port: 8080 }] }] },
      }
    : {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind,
        metadata: { name, namespace },
        spec: { parentRefs: [{ name: 'gateway' }], rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ name, port: 8080 }] }] },
      };

/** What a team has before it hears of Sluice: a Deployment of version 1.0.0, its Service and its route. */
export const application = (name: string, kind: RouteKind): readonly KubeObject[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: `${image}:1.0.0`, ports: [{ containerPort: 8080 }] }] } },
    },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector: { app: name }, ports: [{ port: 8080, targetPort: 8080 }] } },
  route(kind, name),
];

/** A definition of one target with one route; `steps` and `rest` are YAML of the spec, `lag` stands in for the router's usual one. */
export const definition = (name: string, kind: RouteKind, steps: string, rest = '', lag?: string): string => `
apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  workload: {kind: Deployment, name: ${name}}
  routes: [{kind: ${kind}, name: ${name}${lag === undefined ? '' : `, lag: ${lag}`}}]
  triggers: [{registry: {image: ${image}}}]
  steps: ${steps}
  alerts: [{match: {rollout: ${namespace}/${name}, severity: critical}, do: rollback}]
  ${rest}
`;

/** The release of DESIGN section 8: 5, 20, 40, 60, 100 %, 5 s pauses, no analysis, watched for 5 s. */
export const fiveSteps = '[{weight: 5, hold: 5s}, {weight: 20, hold: 5s}, {weight: 40, hold: 5s}, {weight: 60, hold: 5s}, {weight: 100, hold: 5s}]';
export const fiveStepsWatch = 'watch: 5s';
