import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { KubeObject } from '../port.ts';
import { referTo, type ApiServer } from './api-server.ts';
import { allowance, recreateStep, rollingStep, type SetSize } from './deployment-plan.ts';
import { deploymentStatus } from './deployment-status.ts';
import { at, fieldsAt, numberAt, sameJson, textAt, textsAt, type Fields } from './fields.ts';
import { controlled, controlledBy, controllerManager, controllerStatus, keyed, reactionMs } from './owners.ts';
import { workQueue } from './work-queue.ts';

const revisionKey = 'deployment.kubernetes.io/revision';
const historyKey = 'deployment.kubernetes.io/revision-history';
const hashKey = 'pod-template-hash';

const templateHash = (template: Fields): string => {
  const sorted = JSON.stringify(template, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value);
  return createHash('sha256').update(sorted).digest('hex').slice(0, 10);
};

const labelled = (template: Fields, hash: string): Fields => ({
  ...template,
  metadata: { ...fieldsAt(template, 'metadata'), labels: { ...textsAt(template, 'metadata', 'labels'), [hashKey]: hash } },
});

const revisionOf = (object: KubeObject): number => Number(object.metadata.annotations?.[revisionKey] ?? 0);

const sizeOf = (set: KubeObject): SetSize => ({
  name: set.metadata.name,
  wanted: numberAt(set, 'spec', 'replicas') ?? 0,
  exist: numberAt(set, 'status', 'replicas') ?? 0,
  available: numberAt(set, 'status', 'availableReplicas') ?? 0,
});

/** Moves each Deployment towards its template and size. Call with `namespace/name` when it or one of its ReplicaSets has changed. */
export const deployments = (server: ApiServer, clock: Clock): ((key: string) => void) => {
  const deadlines = new Map<string, () => void>();

  const create = (deployment: KubeObject, revision: number): KubeObject => {
    const template = fieldsAt(deployment, 'spec', 'template');
    const hash = templateHash(template);
    const { name, namespace = '', annotations = {} } = deployment.metadata;
    const copied = Object.fromEntries(Object.entries(annotations).filter(([key]) => key !== revisionKey && key !== 'kubectl.kubernetes.io/last-applied-configuration'));
    return server.create(
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: {
          name: `${name}-${hash}`,
          namespace,
          labels: textsAt(labelled(template, hash), 'metadata', 'labels'),
          annotations: { ...copied, [revisionKey]: String(revision) },
          ownerReferences: [controlledBy(deployment)],
        },
        spec: {
          replicas: 0,
          ...(numberAt(deployment, 'spec', 'minReadySeconds') === undefined ? {} : { minReadySeconds: numberAt(deployment, 'spec', 'minReadySeconds') }),
          selector: { ...fieldsAt(deployment, 'spec', 'selector'), matchLabels: { ...textsAt(deployment, 'spec', 'selector', 'matchLabels'), [hashKey]: hash } },
          template: labelled(template, hash),
        },
      },
      controllerManager,
    );
  };

  /** A set that comes back into use gets the newest number and remembers the one it had. */
  const renumber = (set: KubeObject, revision: number): KubeObject => {
    const annotations = set.metadata.annotations ?? {};
    const history = [annotations[historyKey], annotations[revisionKey]].filter((entry) => entry !== undefined).join(',');
    const numbered = { ...annotations, [revisionKey]: String(revision), ...(history === '' ? {} : { [historyKey]: history }) };
    return server.change(referTo(set), controllerManager, (object) => ({ ...object, metadata: { ...object.metadata, annotations: numbered } })) ?? set;
  };

  const resize = (set: KubeObject, replicas: number): void => {
    server.change(referTo(set), controllerManager, (object) => ({ ...object, spec: { ...fieldsAt(object, 'spec'), replicas } }));
  };

  const reconcile = (key: string): void => {
    const ref = { apiVersion: 'apps/v1', kind: 'Deployment', ...keyed(key) };
    const deployment = server.get(ref);
    const home = server.get({ apiVersion: 'v1', kind: 'Namespace', name: ref.namespace });
    if (!deployment || deployment.metadata.deletionTimestamp !== undefined || home?.metadata.deletionTimestamp !== undefined) return;
    const sets = (): readonly KubeObject[] => controlled(server, deployment, 'apps/v1', 'ReplicaSet');
    const template = fieldsAt(deployment, 'spec', 'template');
    const paused = at(deployment, 'spec', 'paused') === true;
    const wanted = numberAt(deployment, 'spec', 'replicas') ?? 1;

    const before = sets();
    const isFresh = (set: KubeObject): boolean => sameJson(at(set, 'spec', 'template'), labelled(template, set.metadata.labels?.[hashKey] ?? ''));
    let fresh = before.find(isFresh);
    const newest = Math.max(0, ...before.filter((set) => set !== fresh).map(revisionOf));
    const created = fresh === undefined && !paused;
    if (created) fresh = create(deployment, newest + 1);
    else if (fresh && !paused && revisionOf(fresh) <= newest) fresh = renumber(fresh, newest + 1);

    const old = sets().filter((set) => set.metadata.uid !== fresh?.metadata.uid);
    const oldest = [...old].sort((a, b) => revisionOf(a) - revisionOf(b));
    if (paused) {
      const active = sets().filter((set) => sizeOf(set).wanted > 0);
      const [only] = active;
      if (only && active.length === 1) resize(only, wanted);
    } else if (fresh) {
      const oldPods = old.flatMap((set) => controlled(server, set, 'v1', 'Pod')).length;
      const recreate = textAt(deployment, 'spec', 'strategy', 'type') === 'Recreate';
      const scale = recreate && (oldPods > 0 || sizeOf(fresh).wanted === 0)
        ? recreateStep(wanted, sizeOf(fresh), oldest.map(sizeOf), oldPods)
        : rollingStep(wanted, allowance(deployment), sizeOf(fresh), oldest.map(sizeOf));
      for (const set of sets()) {
        const replicas = scale[set.metadata.name];
        if (replicas !== undefined) resize(set, replicas);
      }
    }

    const current = server.get(ref) ?? deployment;
    const { status, complete, lookAgainAt } = deploymentStatus(current, sets(), fresh?.metadata.name, created, clock.now());
    const annotations = { ...current.metadata.annotations, ...(fresh ? { [revisionKey]: fresh.metadata.annotations?.[revisionKey] ?? '1' } : {}) };
    // A status write may carry the annotation without moving the generation, and the real controller does so.
    server.change(ref, controllerStatus, (object) => ({ ...object, status, metadata: { ...object.metadata, annotations } }));
    if (complete) {
      const unused = oldest.filter((set) => sizeOf(set).wanted === 0 && sizeOf(set).exist === 0);
      const limit = numberAt(deployment, 'spec', 'revisionHistoryLimit') ?? 10;
      for (const set of unused.slice(0, Math.max(0, unused.length - limit))) server.remove(referTo(set), {});
    }
    deadlines.get(key)?.();
    deadlines.delete(key);
    if (lookAgainAt !== undefined) deadlines.set(key, clock.at(lookAgainAt, () => enqueue(key)));
  };

  const enqueue = workQueue(clock, reactionMs, reconcile);
  return enqueue;
};
