import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { at, fieldsAt, isFields, listAt, numberAt, textAt, type Fields } from './fields.ts';

/** `given` wins over `defaults`, field by field. */
const over = (defaults: Fields, given: Json | undefined): Fields => ({ ...defaults, ...fieldsAt(given) });

const mapList = (given: Json | undefined, change: (item: Json) => Json): { readonly list: readonly Json[] } | undefined =>
  Array.isArray(given) ? { list: (given as readonly Json[]).map(change) } : undefined;

/** A list field with `change` applied to each item, or nothing when the field is absent. */
const eachOf = (owner: Json | undefined, field: string, change: (item: Json) => Json): Fields => {
  const mapped = mapList(at(owner, field), change);
  return mapped ? { [field]: mapped.list } : {};
};

const probe = (given: Json): Fields => {
  const http = at(given, 'httpGet');
  return {
    ...over({ timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 }, given),
    ...(isFields(http) ? { httpGet: over({ path: '/', scheme: 'HTTP' }, http) } : {}),
  };
};

const container = (given: Json): Json => {
  const image = textAt(given, 'image') ?? '';
  const tagged = /[:@][^/]*$/.test(image) && !image.endsWith(':latest');
  const probes = ['readinessProbe', 'livenessProbe', 'startupProbe'].filter((name) => isFields(at(given, name)));
  return {
    ...over(
      {
        imagePullPolicy: tagged ? 'IfNotPresent' : 'Always',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
      given,
    ),
    ...eachOf(given, 'ports', (port) => over({ protocol: 'TCP' }, port)),
    ...Object.fromEntries(probes.map((name) => [name, probe(at(given, name) as Json)])),
  };
};

const podSpec = (given: Json | undefined): Fields => ({
  ...over(
    {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      securityContext: {},
    },
    given,
  ),
  ...eachOf(given, 'containers', container),
});

const template = (given: Json | undefined): Fields => ({ ...fieldsAt(given), spec: podSpec(at(given, 'spec')) });

const deployment = (spec: Fields): Fields => {
  const type = textAt(spec, 'strategy', 'type') ?? 'RollingUpdate';
  const rolling = type === 'RollingUpdate' ? { rollingUpdate: over({ maxSurge: '25%', maxUnavailable: '25%' }, at(spec, 'strategy', 'rollingUpdate')) } : {};
  return {
    ...over({ replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 }, spec),
    strategy: { ...fieldsAt(spec, 'strategy'), type, ...rolling },
    template: template(spec['template']),
  };
};

const service = (spec: Fields, allocate: () => string): Fields => {
  const address = textAt(spec, 'clusterIP') ?? allocate();
  return {
    ...over(
      {
        type: 'ClusterIP',
        clusterIP: address,
        clusterIPs: [address],
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
      },
      spec,
    ),
    ...eachOf(spec, 'ports', (port) => over({ protocol: 'TCP', targetPort: numberAt(port, 'port') ?? 0 }, port)),
  };
};

const anyPath: Json = { path: { type: 'PathPrefix', value: '/' } };

const routeMatch = (match: Json): Json => ({
  ...over({}, match),
  path: over({ type: 'PathPrefix', value: '/' }, at(match, 'path')),
  ...eachOf(match, 'headers', (header) => over({ type: 'Exact' }, header)),
  ...eachOf(match, 'queryParams', (parameter) => over({ type: 'Exact' }, parameter)),
});

// The CRDs of the Gateway API write these into every object they store.
const parents = (spec: Fields): Fields => eachOf(spec, 'parentRefs', (parent) => over({ group: 'gateway.networking.k8s.io', kind: 'Gateway' }, parent));
const backends = (rule: Json): Fields => eachOf(rule, 'backendRefs', (backend) => over({ group: '', kind: 'Service', weight: 1 }, backend));

const httpRoute = (spec: Fields): Fields => ({
  ...spec,
  ...parents(spec),
  rules: (Array.isArray(spec['rules']) ? listAt(spec, 'rules') : [{}]).map((rule) => ({
    ...fieldsAt(rule),
    matches: listAt(rule, 'matches').length > 0 ? listAt(rule, 'matches').map(routeMatch) : [anyPath],
    ...backends(rule),
  })),
});

const callMatch = (match: Json): Json => ({
  ...over({}, match),
  ...(isFields(at(match, 'method')) ? { method: over({ type: 'Exact' }, at(match, 'method')) } : {}),
  ...eachOf(match, 'headers', (header) => over({ type: 'Exact' }, header)),
});

const grpcRoute = (spec: Fields): Fields => ({
  ...spec,
  ...parents(spec),
  ...eachOf(spec, 'rules', (rule) => ({ ...fieldsAt(rule), ...eachOf(rule, 'matches', callMatch), ...backends(rule) })),
});

/**
 * The object with the values that the API server fills in on every write. `allocate` gives the next free address for a Service.
 */
export const withDefaults = (object: KubeObject, allocate: () => string): KubeObject => {
  const spec = fieldsAt(object, 'spec');
  switch (object.kind) {
    case 'Deployment': return { ...object, spec: deployment(spec) };
    case 'ReplicaSet': return { ...object, spec: { ...over({ replicas: 1 }, spec), template: template(spec['template']) } };
    case 'Job': return { ...object, spec: { ...over({ backoffLimit: 6, completions: 1, parallelism: 1, suspend: false }, spec), template: template(spec['template']) } };
    case 'Pod': return { ...object, spec: podSpec(spec) };
    case 'Service': return { ...object, spec: service(spec, allocate) };
    case 'HorizontalPodAutoscaler': return { ...object, spec: over({ minReplicas: 1 }, spec) };
    case 'HTTPRoute': return { ...object, spec: httpRoute(spec) };
    case 'GRPCRoute': return { ...object, spec: grpcRoute(spec) };
    case 'Namespace': return { ...object, spec: over({ finalizers: ['kubernetes'] }, spec), status: over({ phase: 'Active' }, object['status']) };
    default: return object;
  }
};
