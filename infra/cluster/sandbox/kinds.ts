import { ClusterError } from '../port.ts';

/** What the API server knows about a kind before it looks at an object. */
export interface KindSpec {
  readonly apiVersion: string;
  readonly kind: string;
  /** `deployments.apps`, as messages name it. */
  readonly resource: string;
  readonly namespaced: boolean;
  /** Status is written apart from the rest; the main endpoint ignores it. */
  readonly status: boolean;
  /** What moves `metadata.generation`: nothing, the spec, spec and annotations, or everything but metadata. */
  readonly generation: 'none' | 'spec' | 'spec+annotations' | 'content';
}

const spec = (
  apiVersion: string,
  kind: string,
  plural: string,
  generation: KindSpec['generation'],
  { status = false, namespaced = true } = {},
): KindSpec => {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return { apiVersion, kind, resource: group === '' ? plural : `${plural}.${group}`, namespaced, status, generation };
};

const withStatus = { status: true };
const traefik = (apiVersion: string): KindSpec[] => [
  spec(apiVersion, 'IngressRoute', 'ingressroutes', 'content'),
  spec(apiVersion, 'TraefikService', 'traefikservices', 'content'),
  spec(apiVersion, 'Middleware', 'middlewares', 'content'),
];

// Annotation writes move the generation of a Deployment: its registry strategy counts them because they are copied to ReplicaSets.
const served: readonly KindSpec[] = [
  spec('v1', 'Namespace', 'namespaces', 'none', { status: true, namespaced: false }),
  spec('v1', 'Pod', 'pods', 'spec', withStatus),
  spec('v1', 'Service', 'services', 'none', withStatus),
  spec('v1', 'ConfigMap', 'configmaps', 'none'),
  spec('v1', 'Secret', 'secrets', 'none'),
  spec('apps/v1', 'Deployment', 'deployments', 'spec+annotations', withStatus),
  spec('apps/v1', 'ReplicaSet', 'replicasets', 'spec', withStatus),
  spec('batch/v1', 'Job', 'jobs', 'spec', withStatus),
  spec('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', 'none', withStatus),
  spec('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', 'content'),
  spec('networking.k8s.io/v1', 'Ingress', 'ingresses', 'spec', withStatus),
  spec('gateway.networking.k8s.io/v1', 'Gateway', 'gateways', 'spec', withStatus),
  spec('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes', 'spec', withStatus),
  spec('gateway.networking.k8s.io/v1', 'GRPCRoute', 'grpcroutes', 'spec', withStatus),
  // A real server gives the same object in each version of a group; here it is found in the one it was created in.
  spec('networking.istio.io/v1', 'VirtualService', 'virtualservices', 'spec', withStatus),
  spec('networking.istio.io/v1beta1', 'VirtualService', 'virtualservices', 'spec', withStatus),
  spec('networking.istio.io/v1alpha3', 'VirtualService', 'virtualservices', 'spec', withStatus),
  spec('networking.istio.io/v1', 'DestinationRule', 'destinationrules', 'spec', withStatus),
  spec('projectcontour.io/v1', 'HTTPProxy', 'httpproxies', 'spec', withStatus),
  spec('sluice.dev/v1alpha1', 'Rollout', 'rollouts', 'spec', withStatus),
  ...traefik('traefik.io/v1alpha1'),
  ...traefik('traefik.containo.us/v1alpha1'),
];

const table = new Map(served.map((kind) => [`${kind.apiVersion}/${kind.kind}`, kind]));

/** Undefined for a kind that this API server does not serve. */
export const findKind = (apiVersion: string, kind: string): KindSpec | undefined => table.get(`${apiVersion}/${kind}`);

/** Throws `absent` (404) for a kind that is not served, as for a CRD that is not installed. */
export const kindOf = (apiVersion: string, kind: string): KindSpec => {
  const found = findKind(apiVersion, kind);
  if (found) return found;
  throw new ClusterError('absent', `the server could not find the requested resource: no kind ${kind} in ${apiVersion}`, { status: 404 });
};

/** The kind that is served under this plural, as it stands in paths. */
export const findResource = (apiVersion: string, plural: string): KindSpec | undefined =>
  served.find((kind) => kind.apiVersion === apiVersion && (kind.resource === plural || kind.resource.startsWith(`${plural}.`)));
