import type { Json } from '../../events/input.ts';
import { canaryName, type Target } from '../../statemachines/definition/rollout.ts';
import type { KubeObject } from '../cluster/port.ts';
import { fieldsAt, listAt, templateWith } from './template.ts';

/** Labels that name the release an object belongs to. */
const rolloutLabel = 'sluice.dev/rollout';
const releaseLabel = 'sluice.dev/release';

export interface Belonging {
  readonly rollout: string;
  readonly namespace: string;
  readonly release: number;
}

const labelsOf = ({ rollout, release }: Belonging): Record<string, string> => ({
  [rolloutLabel]: rollout,
  [releaseLabel]: String(release),
  'app.kubernetes.io/managed-by': 'sluice',
});

/** `ours`: made by this release. `earlier`: by another release of the same rollout. `foreign`: by anybody else. */
export const belongs = (object: KubeObject, { rollout, release }: Belonging): 'ours' | 'earlier' | 'foreign' => {
  const labels = object.metadata.labels ?? {};
  if (labels[rolloutLabel] !== rollout) return 'foreign';
  return labels[releaseLabel] === String(release) ? 'ours' : 'earlier';
};

export const markerName = (target: Target, release: number): string => `sluice-${target.workload.name}-${release}`;

/** The object that owns all a release creates: deleted at its end, it takes along even what a late function still made. */
export const markerObject = (target: Target, belonging: Belonging): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: markerName(target, belonging.release), namespace: belonging.namespace, labels: labelsOf(belonging) },
  data: { why: `owns what release ${belonging.release} of rollout ${belonging.rollout} created; deleted when it ends` },
});

type Labels = Readonly<Record<string, string>>;

/** Keys by which anything selects stable's pods: those of the Deployment and of the Service. */
const selectingKeys = (stable: KubeObject, service: KubeObject): readonly string[] => [
  ...new Set([...Object.keys(fieldsAt(stable, 'spec', 'selector', 'matchLabels')), ...Object.keys(fieldsAt(service, 'spec', 'selector'))]),
];
/** Other values under those keys, so that nothing that selects stable's pods ever selects the canary's. */
const disjoint = (labels: Labels, keys: readonly string[]): Labels =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, keys.includes(key) ? canaryName(value) : value]));

/** Why this workload cannot have a canary beside it, or undefined when it can. */
export const canaryProblem = (stable: KubeObject, service: KubeObject): string | undefined => {
  if (listAt(stable, 'spec', 'selector', 'matchExpressions').length > 0)
    return `Deployment ${stable.metadata.name} selects its pods by matchExpressions; a canary beside it needs plain matchLabels`;
  const selector = fieldsAt(service, 'spec', 'selector') as Labels;
  if (Object.keys(selector).length === 0) return `Service ${service.metadata.name} has no selector, so it is not known which pods it leads to`;
  const labels = fieldsAt(stable, 'spec', 'template', 'metadata', 'labels') as Labels;
  const strange = Object.entries(selector).find(([key, value]) => labels[key] !== value);
  if (strange !== undefined) return `Service ${service.metadata.name} selects ${strange[0]}=${strange[1]}, which the pods of Deployment ${stable.metadata.name} do not carry`;
  const long = selectingKeys(stable, service).find((key) => canaryName(labels[key] ?? '').length > 63);
  return long === undefined ? undefined : `label ${long} of Deployment ${stable.metadata.name} is too long to be told apart from the canary's; at most 56 characters`;
};

const owned = (kind: { apiVersion: string; kind: string }, name: string, marker: KubeObject, belonging: Belonging): KubeObject => ({
  ...kind,
  metadata: {
    name,
    namespace: belonging.namespace,
    labels: labelsOf(belonging),
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: marker.metadata.name, uid: marker.metadata.uid ?? '' }],
  },
});

/** The Service that leads to the canary's pods: stable's ports, without what only one Service can have. */
export const canaryService = (target: Target, stable: KubeObject, service: KubeObject, marker: KubeObject, belonging: Belonging): KubeObject => ({
  ...owned({ apiVersion: 'v1', kind: 'Service' }, canaryName(target.workload.service), marker, belonging),
  spec: {
    selector: disjoint(fieldsAt(service, 'spec', 'selector') as Labels, selectingKeys(stable, service)),
    ports: listAt(service, 'spec', 'ports').map((port) => {
      const { nodePort: _nodePort, ...kept } = port as Record<string, Json>;
      return kept;
    }),
  },
});

/** The Deployment beside stable: its spec with the new image, labels of its own, and as many pods as asked for. */
export const canaryDeployment = (
  target: Target,
  stable: KubeObject,
  service: KubeObject,
  marker: KubeObject,
  belonging: Belonging,
  { container, image, replicas }: { container: string; image: string; replicas: number },
): KubeObject => {
  const keys = selectingKeys(stable, service);
  const template = templateWith(stable, container, image);
  const metadata = fieldsAt(template, 'metadata');
  const { paused: _paused, ...spec } = fieldsAt(stable, 'spec');
  return {
    ...owned({ apiVersion: 'apps/v1', kind: 'Deployment' }, canaryName(target.workload.name), marker, belonging),
    spec: {
      ...spec,
      replicas,
      selector: { matchLabels: disjoint(fieldsAt(stable, 'spec', 'selector', 'matchLabels') as Labels, keys) },
      template: { ...template, metadata: { ...metadata, labels: disjoint(fieldsAt(metadata, 'labels') as Labels, keys) } },
    },
  };
};
