import type { Cluster } from '../cluster/port.ts';
import type { Ports } from '../ports.ts';

/** The same ports, and how many requests have gone to clusters through them. A watch counts as one. */
export const countedCalls = (ports: Ports): { readonly ports: Ports; calls(): number } => {
  let calls = 0;
  const counted = (cluster: Cluster): Cluster => {
    const one = <A extends readonly unknown[], R>(call: (...given: A) => R) => (...given: A): R => {
      calls++;
      return call(...given);
    };
    return {
      name: cluster.name,
      get: one(cluster.get),
      list: one(cluster.list),
      create: one(cluster.create),
      patch: one(cluster.patch),
      delete: one(cluster.delete),
      watch: one(cluster.watch),
      close: () => cluster.close(),
    };
  };
  return {
    ports: {
      ...ports,
      cluster: async (name) => {
        const cluster = await ports.cluster(name);
        return cluster === undefined ? undefined : counted(cluster);
      },
    },
    calls: () => calls,
  };
};
