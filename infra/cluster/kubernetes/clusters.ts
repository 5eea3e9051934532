import type { Cluster } from '../port.ts';
import { connectKubernetes, type Way } from '../kubernetes.ts';

/** Several clusters by name. Each is connected when it is first asked for. */
export interface Clusters {
  readonly names: readonly string[];
  /** Rejects for a name that is not configured, and says which are. */
  cluster(name: string): Promise<Cluster>;
  close(): Promise<void>;
}

/** @param config how each is reached, under the clusters' names. */
export const connectClusters = (config: Readonly<Record<string, Way>>): Clusters => {
  const connected = new Map<string, Promise<Cluster>>();
  const names = Object.keys(config);
  return {
    names,
    async cluster(name) {
      const options = Object.hasOwn(config, name) ? config[name] : undefined;
      if (options === undefined) throw new Error(`there is no cluster "${name}"; configured are: ${names.join(', ') || 'none'}`);
      const cluster = connected.get(name) ?? connectKubernetes({ ...options, name });
      connected.set(name, cluster);
      return cluster;
    },
    async close() {
      for (const cluster of connected.values()) await (await cluster).close();
    },
  };
};
