import type { Json } from '../../events/input.ts';
import type { Cluster, KubeObject } from '../../infra/cluster/port.ts';
import { routerOf } from '../../infra/routing/routers.ts';
import type { ObjectRef } from '../../statemachines/document.ts';
import type { ReleaseView, RolloutView } from '../../statemachines/view.ts';
import { demoDeployment, demoService, freshNamespace, kit, pushImage, readyPods, waitUntil } from './helpers.ts';
import { startLoad, type Answer, type LoadReport } from './load.ts';
import { ingressRoute, gateway, httpRoute, type RouteKind } from './scene-objects.ts';
import type { SluiceClient } from './sluice-client.ts';

export interface SceneOptions {
  readonly sluice: SluiceClient;
  readonly cluster: Cluster;
  /** Default: one IngressRoute. */
  readonly routes?: readonly RouteKind[];
  /** Pods of stable. Default 2. */
  readonly replicas?: number;
  /** Lag of each route, as a definition writes it; null leaves it to the router. Default: what the kit's throttle of 200 ms needs. */
  readonly lag?: string | null;
  /** Fields of the definition's `spec` beside workload, routes and triggers. Default: four steps of two seconds. */
  readonly spec?: Readonly<Record<string, Json>>;
  /** More objects of the user's, which must be as before when all is over. */
  readonly objects?: readonly KubeObject[];
}

/** What the user can see of an object of his: everything that he might have written. */
type Written = Readonly<Record<string, Json | undefined>>;

export interface Users {
  /** Ends the load. What users got on all routes together, in order. */
  stop(): Promise<LoadReport>;
}

/** One workload with its routes in a namespace of its own, and users who come through the proxy. */
export interface Scene {
  readonly rollout: string;
  readonly namespace: string;
  readonly image: string;
  readonly definition: Readonly<Record<string, Json>>;
  readonly route: ObjectRef;
  /** The user's objects as they were before the first release, by kind and name. */
  readonly before: Readonly<Record<string, Written>>;
  /** Users of every route, so many a second on each. */
  users(ratePerSecond: number): Users;
  /** Builds this version and pushes it with skopeo; the registry tells whom it was told to tell. Returns its digest. */
  push(tag: string, env?: Readonly<Record<string, string>>): Promise<string>;
  /** Starts a release as a person does. */
  start(tag: string): Promise<void>;
  /** Waits until the rollout, with its newest release, is as wanted. */
  until<T>(what: string, wanted: (release: ReleaseView, rollout: RolloutView) => T | undefined | false, deadlineMs?: number): Promise<T>;
  /** Waits until release n is over. */
  ended(n: number, deadlineMs?: number): Promise<ReleaseView>;
  objects(): Promise<Readonly<Record<string, Written>>>;
  /** `before` with another image in the workload. */
  beforeWithImage(image: string): Readonly<Record<string, Written>>;
  /** Waits until nothing is in the namespace that was not there before the first release. */
  untilNothingIsLeft(): Promise<void>;
  /** kubectl in this namespace: somebody else. */
  kubectl(...args: readonly string[]): Promise<string>;
  pods(labelSelector: string): Promise<readonly KubeObject[]>;
}

export const definitionOf = (namespace: string, image: string, routes: readonly RouteKind[], lag: string | null, spec: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'demo', namespace },
  spec: {
    workload: { kind: 'Deployment', name: 'demo' },
    routes: routes.map((kind) => ({ kind, name: 'demo', ...(lag === null ? {} : { lag }) })),
    triggers: [{ registry: { image, tags: { semver: '>1.0.0' } } }],
    steps: [5, 25, 50, 100].map((weight) => ({ weight, hold: '2s' })),
    watch: '2s',
    ...spec,
  },
});

const kinds: readonly (readonly [apiVersion: string, kind: string])[] = [
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'ReplicaSet'],
  ['v1', 'Service'],
  ['v1', 'ConfigMap'],
  ['v1', 'Pod'],
  ['discovery.k8s.io/v1', 'EndpointSlice'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler'],
];

/** The Deployment controller counts template changes there. */
const revision = 'deployment.kubernetes.io/revision';

const written = ({ apiVersion: _v, kind: _k, status: _s, metadata, ...rest }: KubeObject): Written => {
  const { [revision]: _revision, ...annotations } = metadata.annotations ?? {};
  return { ...rest, labels: metadata.labels, annotations, owners: metadata.ownerReferences, finalizers: metadata['finalizers'] };
};

/** Sets the scene: version 1.0.0 runs and is reached through every route, and the rollout is applied. */
export const setScene = async ({ sluice, cluster, routes = ['IngressRoute'], replicas = 2, lag = '600ms', spec = {}, objects = [] }: SceneOptions): Promise<Scene> => {
  const space = await freshNamespace(cluster, 'e2e');
  const namespace = space.name;
  const repository = `${namespace}/demo`;
  const hosts = Object.fromEntries(routes.map((kind) => [kind, `${kind.toLowerCase()}.${namespace}.test`]));
  const { image: first } = await pushImage(`${repository}:1.0.0`, { VERSION: '1.0.0' });
  const image = first.replace(/:1\.0\.0$/, '');
  const labels = { app: 'demo', version: 'stable' };
  const own: readonly KubeObject[] = [
    demoDeployment('demo', first, labels, replicas),
    demoService('demo', labels),
    demoService('assets', { app: 'demo' }),
    ...routes.flatMap((kind) => (kind === 'IngressRoute' ? [ingressRoute(hosts[kind] ?? '')] : [gateway(), httpRoute(hosts[kind] ?? '')])),
    ...objects,
  ];
  await space.create(...own);
  await readyPods(cluster, namespace, 'app=demo', replicas);

  const loads = (ratePerSecond: number, maxSeconds: number) => Object.values(hosts).map((host) => startLoad({ host, ratePerSecond, maxSeconds }));
  for (const host of Object.values(hosts))
    await waitUntil(`Traefik routes ${host}`, async () => {
      const load = startLoad({ host, ratePerSecond: 100, maxSeconds: 0.2 });
      await waitUntil('the probe is sent', () => load.sent() === 20, 5_000, 10);
      return (await load.stop()).lost.length === 0;
    });

  const refs = own.map(({ apiVersion, kind, metadata }): ObjectRef => ({ apiVersion, kind, namespace, name: metadata.name }));
  const read = async (): Promise<Record<string, Written>> =>
    Object.fromEntries(await Promise.all(refs.map(async (ref) => {
      const object = await cluster.get(ref);
      return [`${ref.kind} ${ref.name}`, object === undefined ? { missing: true } : written(object)] as const;
    })));
  const names = async (): Promise<readonly string[]> =>
    (await Promise.all(kinds.map(([apiVersion, kind]) => cluster.list({ apiVersion, kind, namespace }))))
      .flat()
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  /** Names that Kubernetes makes up carry those of their makers. */
  const known = (name: string): boolean => /^(Deployment demo|Service (demo|assets)|ConfigMap kube-root-ca\.crt|HorizontalPodAutoscaler demo|(ReplicaSet|Pod|EndpointSlice) (demo|assets)-(?!canary)\S+)$/.test(name);

  const definition = definitionOf(namespace, image, routes, lag, spec);
  await sluice.apply(definition);
  const before = await read();
  const rollout = `${namespace}/demo`;

  const until: Scene['until'] = async (what, wanted, deadlineMs = 90_000) => {
    let last: RolloutView | undefined;
    try {
      return await waitUntil(what, async () => {
        last = await sluice.view(rollout).catch(() => undefined);
        return last?.release === undefined ? undefined : wanted(last.release, last);
      }, deadlineMs, 100);
    } catch (error) {
      const { state, waitingFor, ending } = last?.release ?? {};
      throw new Error(`${(error as Error).message}; the last that was seen: ${JSON.stringify({ state, waitingFor, ending, waiting: last?.waiting })}`, { cause: error });
    }
  };

  return {
    rollout,
    namespace,
    image,
    definition,
    route: { apiVersion: routerOf(routes[0] ?? '').apiVersions[0] ?? '', kind: routes[0] ?? '', namespace, name: 'demo' },
    before,
    users: (ratePerSecond) => {
      const running = loads(ratePerSecond, 300);
      return {
        async stop() {
          const reports = await Promise.all(running.map((load) => load.stop()));
          return reports.reduce(merged);
        },
      };
    },
    push: async (tag, env = {}) => (await pushImage(`${repository}:${tag}`, { VERSION: tag, ...env })).digest,
    start: async (tag) => {
      const { outcome, said } = await sluice.command(rollout, { type: 'start', tag });
      if (outcome !== 'moved') throw new Error(`release of ${tag} did not start: ${outcome ?? 'nobody answered'} ${said ?? ''}`);
    },
    until,
    ended: (n, deadlineMs) => until(`release ${n} of ${rollout} is over`, (release) => release.n === n && release.endedAt !== undefined && release, deadlineMs),
    objects: read,
    beforeWithImage: (other) => ({ ...before, 'Deployment demo': JSON.parse(JSON.stringify(before['Deployment demo']).replace(JSON.stringify(first), JSON.stringify(other))) as Written }),
    async untilNothingIsLeft() {
      let left: readonly string[] = [];
      await waitUntil('nothing is left over', async () => {
        left = (await names()).filter((name) => !known(name));
        return left.length === 0;
      }).catch((error: unknown) => {
        throw new Error(`left over in ${namespace}: ${left.join(', ')}`, { cause: error });
      });
    },
    kubectl: (...args) => kit('kubectl', '-n', namespace, ...args),
    pods: (labelSelector) => cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector }),
  };
};

const added = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> => {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
};
const inOrder = (a: readonly Answer[], b: readonly Answer[]): readonly Answer[] => [...a, ...b].sort((x, y) => x.at - y.at);

const merged = (a: LoadReport, b: LoadReport): LoadReport => ({
  sent: a.sent + b.sent,
  byVersion: added(a.byVersion, b.byVersion),
  byStatus: added(a.byStatus, b.byStatus),
  lost: inOrder(a.lost, b.lost),
  answers: inOrder(a.answers, b.answers),
});
