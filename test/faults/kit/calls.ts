import type { Cluster } from '../../../infra/cluster/port.ts';
import type { Metrics } from '../../../infra/metrics/port.ts';
import type { Ports } from '../../../infra/ports.ts';
import type { Queue } from '../../../infra/queue/port.ts';
import type { Store } from '../../../infra/store/port.ts';
import type { Invocation } from './invocation.ts';

/** One call of a function to the world. */
export interface Call {
  /** Counted over all invocations, from 1. */
  readonly n: number;
  readonly invocation: Invocation;
  /** `request`: one that a port makes of its own, beneath it. */
  readonly port: 'request' | 'store' | 'queue' | 'cluster' | 'metrics' | 'registry';
  readonly verb: string;
  /** What it is about: a kind, a document, a lane. */
  readonly about: string;
  readonly args: readonly unknown[];
}

/** Stands between functions and the world. It may refuse a call, carry it out late, twice or not at all, or stop the invocation. */
export type Hand = <T>(call: Call, inner: () => Promise<T>) => Promise<T>;

export const spell = ({ port, verb, about }: Call): string => `${port}.${verb}${about === '' ? '' : ` ${about}`}`;

/** Writes of a cluster port; everything else of it only looks. */
export const writesCluster = ({ port, verb }: Call): boolean => port === 'cluster' && (verb === 'create' || verb === 'patch' || verb === 'delete');

export type Pass = <T>(call: Pick<Call, 'port' | 'verb' | 'about' | 'args'>, inner: () => Promise<T>) => Promise<T>;

/** The ports of one invocation, each of whose calls goes through `pass`. */
export const reach = (ports: Ports, pass: Pass): Ports => {
  const cluster = (of: Cluster): Cluster => {
    const one = (verb: string, about: string, ...args: readonly unknown[]) => ({ port: 'cluster', verb, about, args }) as const;
    return {
      ...of,
      get: (ref, signal) => pass(one('get', ref.kind, ref), () => of.get(ref, signal)),
      list: (collection, signal) => pass(one('list', collection.kind, collection), () => of.list(collection, signal)),
      create: (object, options) => pass(one('create', object.kind, object), () => of.create(object, options)),
      patch: (ref, ops, options) => pass(one('patch', ref.kind, ref, ops), () => of.patch(ref, ops, options)),
      delete: (ref, preconditions, signal) => pass(one('delete', ref.kind, ref), () => of.delete(ref, preconditions, signal)),
      watch: (collection, signal) => {
        void pass(one('watch', collection.kind, collection), () => Promise.resolve());
        return of.watch(collection, signal);
      },
    };
  };
  const store = (of: Store): Store => {
    const one = (verb: string, about: string, ...args: readonly unknown[]) => ({ port: 'store', verb, about, args }) as const;
    return {
      load: (id) => pass(one('load', id), () => of.load(id)),
      save: (document, expected, journal, counts) => pass(one('save', document.id, document, expected, journal), () => of.save(document, expected, journal, counts)),
      due: (until, limit) => pass(one('due', '', until), () => of.due(until, limit)),
      nextWake: () => pass(one('nextWake', ''), () => of.nextWake()),
      lookup: (key) => pass(one('lookup', key), () => of.lookup(key)),
      list: (prefix, limit) => pass(one('list', prefix), () => of.list(prefix, limit)),
      journal: (id, after, limit) => pass(one('journal', id), () => of.journal(id, after, limit)),
      totals: () => pass(one('totals', ''), () => of.totals()),
      close: () => of.close(),
    };
  };
  const queue = (of: Queue): Queue => {
    const one = (verb: string, about: string, ...args: readonly unknown[]) => ({ port: 'queue', verb, about, args }) as const;
    return {
      ...of,
      send: (messages, delayMs) => pass(one('send', messages.map(({ id }) => id).join(' '), messages), () => of.send(messages, delayMs)),
      acknowledge: (delivery) => pass(one('acknowledge', delivery.message.id, delivery), () => of.acknowledge(delivery)),
      release: (delivery, delayMs) => pass(one('release', delivery.message.id, delivery), () => of.release(delivery, delayMs)),
      bury: (delivery, reason) => pass(one('bury', delivery.message.id, delivery), () => of.bury(delivery, reason)),
      park: (raw, source, reason) => pass(one('park', source, raw), () => of.park(raw, source, reason)),
    };
  };
  const metrics = (of: Metrics): Metrics => ({
    query: (query, at, signal) => pass({ port: 'metrics', verb: 'query', about: '', args: [query, at] }, () => of.query(query, at, signal)),
  });
  return {
    clock: ports.clock,
    store: store(ports.store),
    queue: queue(ports.queue),
    registry: { resolve: (image, reference, signal) => pass({ port: 'registry', verb: 'resolve', about: reference, args: [image, reference] }, () => ports.registry.resolve(image, reference, signal)) },
    cluster: async (name) => {
      const found = await ports.cluster(name);
      return found === undefined ? undefined : cluster(found);
    },
    metrics: (provider) => {
      const found = ports.metrics(provider);
      return found === undefined ? undefined : metrics(found);
    },
  };
};
