import type { Clock } from '../../clock.ts';
import type { Cluster } from '../port.ts';
import { createApiServer } from './api-server.ts';
import { connect, undisturbed } from './client.ts';
import { startControllers } from './controllers.ts';
import { createTrouble, type Calls, type Faults } from './faults.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { createImageRegistry, type ImageRegistry } from './image-registry.ts';
import type { Lags } from './lagged-view.ts';
import { createNode, type Node } from './pods.ts';
import { startProxy } from './proxy.ts';
import { scopedClock } from './work-queue.ts';

export interface SandboxOptions {
  readonly clock: Clock;
  /** Numbers from 0 up to 1; without it they follow from `seed`, so that two sandboxes with the same seed do the same. */
  readonly random?: () => number;
  readonly seed?: number;
  /** From the creation of a pod until it is ready, in milliseconds (default 300). */
  readonly readyDelayMs?: number;
  /** How late the gateway sees a change, least and most by kind, in milliseconds (default 20 to 400 for every kind). */
  readonly lagMs?: Lags;
  /** Pods and the gateway serve real HTTP on loopback (default false). */
  readonly http?: boolean;
}

/** A cluster within this process: REST semantics, small controllers, images that are nothing but their environment. */
export interface Sandbox {
  /** What Sluice writes through, under field manager `sluice`. Only its calls are counted and can be made to fail. */
  readonly cluster: Cluster;
  /** The same cluster for somebody else, under a field manager of their own. */
  asUser(manager: string): Cluster;
  readonly faults: Faults;
  readonly calls: Calls;
  readonly registry: ImageRegistry;
  readonly kill: Node['kill'];
  readonly addresses: Node['addresses'];
  /** The data plane. `url` is there with real HTTP only. */
  readonly gateway: Gateway & { readonly url?: Promise<string> };
  close(): Promise<void>;
}

/** Mulberry32: small, even enough for names and lags, and the same everywhere. */
const seeded = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Starts a sandbox. Namespace `default` exists; others are created like any object. */
export const createSandbox = (options: SandboxOptions): Sandbox => {
  const clock = scopedClock(options.clock);
  const random = options.random ?? seeded(options.seed ?? 1);
  const server = createApiServer(clock, random);
  const registry = createImageRegistry(clock);
  const node = createNode(server, clock, random, registry, { readyDelayMs: options.readyDelayMs ?? 300, http: options.http ?? false });
  const gateway = createGateway(server, clock, random, options.lagMs ?? {}, node);
  const proxy = options.http ? startProxy(gateway) : undefined;
  const trouble = createTrouble(clock);
  startControllers(server, clock, random, node);
  server.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }, { manager: 'kube-apiserver' });

  const clients = [connect(server, 'sandbox', 'sluice', trouble.around)] as [Cluster, ...Cluster[]];
  return {
    cluster: clients[0],
    asUser(manager) {
      const client = connect(server, 'sandbox', manager, undisturbed);
      clients.push(client);
      return client;
    },
    faults: trouble.faults,
    calls: trouble.calls,
    registry,
    kill: node.kill,
    addresses: node.addresses,
    gateway: { route: gateway.route, counts: gateway.counts, ...(proxy ? { url: proxy.then(({ url }) => url) } : {}) },
    async close() {
      await (await proxy)?.close();
      await Promise.all(clients.map((client) => client.close()));
      gateway.close();
      clock.close();
      node.close();
    },
  };
};
