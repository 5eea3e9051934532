import type { KubeObject } from '../../infra/cluster/port.ts';

export type RouteKind = 'IngressRoute' | 'HTTPRoute';

const people = { labels: { team: 'shop' }, annotations: { 'example.com/note': 'ask the shop team' } } as const;

/** With labels, annotations and a rule of the user's own beside the one that a release works on. */
export const ingressRoute = (host: string): KubeObject => ({
  apiVersion: 'traefik.io/v1alpha1',
  kind: 'IngressRoute',
  metadata: { name: 'demo', ...people },
  spec: {
    entryPoints: ['web'],
    routes: [
      { match: `Host(\`${host}\`) && PathPrefix(\`/assets\`)`, kind: 'Rule', priority: 1000, services: [{ name: 'assets', port: 80 }] },
      { match: `Host(\`${host}\`)`, kind: 'Rule', services: [{ name: 'demo', port: 80 }] },
    ],
  },
});

export const gateway = (): KubeObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'web' },
  spec: { gatewayClassName: 'traefik', listeners: [{ name: 'web', protocol: 'HTTP', port: 8000 }] },
});

export const httpRoute = (host: string): KubeObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'demo', ...people },
  spec: {
    parentRefs: [{ name: 'web' }],
    hostnames: [host],
    rules: [
      { matches: [{ path: { type: 'PathPrefix', value: '/assets' } }], backendRefs: [{ name: 'assets', port: 80 }] },
      { matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ name: 'demo', port: 80 }] },
    ],
  },
});

/** Never scales by itself here: nothing measures its metric. */
export const autoscaler = (minReplicas: number, maxReplicas: number): KubeObject => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'demo' },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'demo' },
    minReplicas,
    maxReplicas,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
  },
});
