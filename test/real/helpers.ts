import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connectKubernetes, type KubernetesOptions } from '../../infra/cluster/kubernetes.ts';
import type { Cluster, KubeObject } from '../../infra/cluster/port.ts';
import type { ObjectRef } from '../../statemachines/document.ts';

const run = promisify(execFile);

/** Set by `kit exec` and by `test/real/run`. */
export const kubeconfigPath = (): string => {
  const path = process.env['KUBECONFIG'];
  if (!path) throw new Error('KUBECONFIG is not set: start these tests by test/real/run, or inside `kit exec`');
  return path;
};

export const realCluster = (options: Partial<KubernetesOptions> = {}): Promise<Cluster> => connectKubernetes({ name: 'real', kubeconfig: { path: kubeconfigPath() }, ...options });

/** One subcommand of the kit on the run that these tests are in. Its standard output, trimmed; rejects with its standard error. */
export const kit = async (...args: readonly string[]): Promise<string> => {
  const { stdout } = await run(new URL('kit/kit', import.meta.url).pathname, args, { timeout: 90_000 });
  return stdout.trim();
};

/** Builds the demo image with this environment (VERSION, ERROR_RATE, DELAY_MS) and pushes it. */
export const pushImage = async (reference: string, env: Readonly<Record<string, string>>): Promise<{ readonly image: string; readonly digest: string }> => {
  const digest = await kit('image', reference, ...Object.entries(env).map(([name, value]) => `${name}=${value}`));
  return { image: `127.0.0.1:5000/${reference}`, digest };
};

/** Asks every `everyMs` until the answer is neither undefined nor false; rejects after the deadline with what was waited for. */
export const waitUntil = async <T>(what: string, ask: () => Promise<T | undefined | false> | T | undefined | false, deadlineMs = 30_000, everyMs = 100): Promise<T> => {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await sleep(everyMs);
  }
};

export interface Namespace {
  readonly name: string;
  /** Creates the objects in order, in this namespace. */
  create(...objects: readonly KubeObject[]): Promise<readonly KubeObject[]>;
  /** Deletes one object, whatever its version. */
  remove(apiVersion: string, kind: string, name: string): Promise<void>;
  /** Starts the deletion of the namespace and all that is in it. */
  drop(): Promise<void>;
}

const removeObject = async (cluster: Cluster, ref: ObjectRef): Promise<void> => {
  const { uid } = (await cluster.get(ref))?.metadata ?? {};
  if (uid !== undefined) await cluster.delete(ref, { uid });
};

/** A namespace that nobody else has, ready for pods. */
export const freshNamespace = async (cluster: Cluster, prefix = 'real'): Promise<Namespace> => {
  const name = `${prefix}-${randomBytes(4).toString('hex')}`;
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  // Pods are refused before the controllers have made it.
  await waitUntil(`${name} has its service account`, () => cluster.get({ apiVersion: 'v1', kind: 'ServiceAccount', namespace: name, name: 'default' }));
  return {
    name,
    async create(...objects) {
      const created: KubeObject[] = [];
      for (const object of objects) created.push(await cluster.create({ ...object, metadata: { ...object.metadata, namespace: name } }));
      return created;
    },
    remove: (apiVersion, kind, object) => removeObject(cluster, { apiVersion, kind, namespace: name, name: object }),
    drop: () => removeObject(cluster, { apiVersion: 'v1', kind: 'Namespace', name }),
  };
};

/** The demo as a Deployment; its pods carry `app` and `version` as labels. Probed each second, so that `/flip?ready=0` shows soon. */
export const demoDeployment = (name: string, image: string, labels: { readonly app: string; readonly version: string }, replicas = 1): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [{ name: 'app', image, ports: [{ containerPort: 8080 }], readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1, failureThreshold: 1 } }],
      },
    },
  },
});

/** A Service on port 80 for pods of the demo. */
export const demoService = (name: string, selector: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
});

interface PodStatus {
  readonly podIP?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

export interface Pod {
  readonly name: string;
  /** Reachable from the tests, port 8080. */
  readonly address: string;
  readonly ready: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** The pods that have an address and are not being deleted. */
export const podsOf = async (cluster: Cluster, namespace: string, labelSelector?: string): Promise<readonly Pod[]> => {
  const pods = await cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace, ...(labelSelector === undefined ? {} : { labelSelector }) });
  return pods.flatMap(({ metadata, ...pod }) => {
    const status = (pod['status'] ?? {}) as PodStatus;
    if (status.podIP === undefined || metadata.deletionTimestamp !== undefined) return [];
    const ready = status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false;
    return [{ name: metadata.name, address: status.podIP, ready, labels: metadata.labels ?? {} }];
  });
};

/** Waits until exactly so many pods are ready. */
export const readyPods = (cluster: Cluster, namespace: string, labelSelector: string, count: number): Promise<readonly Pod[]> =>
  waitUntil(`${count} pods ${labelSelector} are ready in ${namespace}`, async () => {
    const ready = (await podsOf(cluster, namespace, labelSelector)).filter((pod) => pod.ready);
    return ready.length === count && ready;
  }, 60_000);

/** Makes one pod of the demo ill or well: see kit/images/demo/main.go. */
export const flip = async (pod: Pod, change: { readonly ready?: boolean; readonly rate?: number }): Promise<void> => {
  const query = new URLSearchParams();
  if (change.ready !== undefined) query.set('ready', change.ready ? '1' : '0');
  if (change.rate !== undefined) query.set('rate', String(change.rate));
  const response = await fetch(`http://${pod.address}:8080/flip?${query.toString()}`);
  if (!response.ok) throw new Error(`${pod.name} did not flip: ${response.status} ${await response.text()}`);
};
