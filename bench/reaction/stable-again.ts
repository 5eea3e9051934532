import type { Cluster, KubeObject } from '../../infra/cluster/port.ts';

/** The way to a cluster, with the moment at which each route came back to stable. */
export interface Watched {
  readonly cluster: Cluster;
  /** Resolves with `performance.now()` of the moment at which the API server answered the write after which the route leads to stable alone. */
  stableAgain(name: string): Promise<number>;
}

const leadsToCanary = (object: KubeObject): boolean => JSON.stringify(object['spec']).includes('-canary"');

/** What a PATCH answers is the object after the write: written and read back in one. */
export const watched = (cluster: Cluster): Watched => {
  const waiting = new Map<string, (at: number) => void>();
  return {
    cluster: {
      ...cluster,
      patch: async (ref, ops, options) => {
        const object = await cluster.patch(ref, ops, options);
        const tell = waiting.get(ref.name);
        if (tell !== undefined && !leadsToCanary(object)) {
          waiting.delete(ref.name);
          tell(performance.now());
        }
        return object;
      },
    },
    stableAgain: (name) => new Promise((resolve) => waiting.set(name, resolve)),
  };
};
