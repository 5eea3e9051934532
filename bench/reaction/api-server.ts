import { randomBytes } from 'node:crypto';
import { systemClock } from '../../infra/clock.ts';
import type { Cluster, KubeObject } from '../../infra/cluster/port.ts';
import { connectKubernetes } from '../../infra/cluster/kubernetes.ts';
import { createSandbox } from '../../infra/cluster/sandbox/sandbox.ts';
import { namespace, nobodysHost } from '../world/application.ts';
import { annotate, barePatch, type BarePatch } from './bare-patch.ts';

/** An API server with a namespace of the bench in it, and the least that a write to it costs. */
export interface ApiServer {
  readonly name: string;
  readonly real: boolean;
  readonly namespace: string;
  /** Sluice's way to it. */
  readonly cluster: Cluster;
  readonly barePatch: BarePatch;
  create(object: KubeObject): Promise<unknown>;
  close(): Promise<void>;
}

const bare = (namespace: string): KubeObject => ({
  apiVersion: 'traefik.io/v1alpha1',
  kind: 'IngressRoute',
  metadata: { name: 'bare', namespace },
  spec: { entryPoints: ['web'], routes: [{ kind: 'Rule', match: nobodysHost, services: [{ name: 'app', port: 8080 }] }] },
});

export const sandboxServer = async (): Promise<ApiServer> => {
  const sandbox = createSandbox({ clock: systemClock });
  const team = sandbox.asUser('kubectl');
  await team.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const object = bare(namespace);
  await team.create(object);
  return {
    name: 'sandbox',
    real: false,
    namespace,
    cluster: sandbox.cluster,
    barePatch: async (value) => void (await team.patch({ apiVersion: object.apiVersion, kind: object.kind, namespace, name: 'bare' }, annotate(value))),
    create: (given) => team.create(given),
    close: () => sandbox.close(),
  };
};

/** The cluster of a kubeconfig; it must know Traefik's kinds, but needs neither Traefik nor pods. */
export const realServer = async (kubeconfig: string): Promise<ApiServer> => {
  const home = `sluice-bench-${randomBytes(3).toString('hex')}`;
  const cluster = await connectKubernetes({ name: 'default', kubeconfig: { path: kubeconfig } });
  const made = await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: home } });
  const drop = async (): Promise<void> => {
    await cluster.delete({ apiVersion: 'v1', kind: 'Namespace', name: home }, { uid: made.metadata.uid ?? '' });
    await cluster.close();
  };
  try {
    await cluster.create(bare(home));
    const plain = await barePatch(kubeconfig, `/apis/traefik.io/v1alpha1/namespaces/${home}/ingressroutes/bare?fieldManager=bench`);
    return {
      name: 'real API server',
      real: true,
      namespace: home,
      cluster,
      barePatch: plain.patch,
      create: (given) => cluster.create(given),
      close: async () => {
        plain.close();
        await drop();
      },
    };
  } catch (error) {
    await drop();
    throw error;
  }
};
