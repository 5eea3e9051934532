import type { Cluster } from './cluster/port.ts';
import type { Clock } from './clock.ts';
import type { Metrics } from './metrics/port.ts';
import type { Queue } from './queue/port.ts';
import type { Registry } from './registry/port.ts';
import type { Store } from './store/port.ts';
import type { Tracing } from './tracing/port.ts';

/** Everything of the world that the functions can reach. Which implementation stands behind each is configuration. */
export interface Ports {
  readonly store: Store;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly registry: Registry;
  /** By the name a definition gives; undefined when there is none of that name. */
  cluster(name: string): Promise<Cluster | undefined>;
  metrics(provider: string): Metrics | undefined;
  /** Where what is done is told; nothing is where it is absent. */
  readonly tracing?: Tracing;
}
