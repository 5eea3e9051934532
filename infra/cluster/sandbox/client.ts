import type { Cluster, Collection, WatchEvent } from '../port.ts';
import type { ApiServer, Change } from './api-server.ts';
import { timedOut, type Verb } from './faults.ts';
import { kindOf } from './kinds.ts';
import { labelSelector } from './selector.ts';

/** Carries out one call: counts it, or lets it fail. */
export type Around = <T>(verb: Verb, kind: string, signal: AbortSignal | undefined, work: () => T) => Promise<T>;

/** Calls that nothing happens to. */
export const undisturbed: Around = async (verb, kind, signal, work) => {
  if (signal?.aborted) throw timedOut(verb, kind, signal.reason);
  return work();
};

/** How a watch with a selector sees a change: an object that begins to match is new, one that ceases to is gone. */
const seenBy = (collection: Collection): ((change: Change) => WatchEvent | undefined) => {
  const wanted = labelSelector(collection.labelSelector);
  return ({ type, object, before }) => {
    if (object.apiVersion !== collection.apiVersion || object.kind !== collection.kind || object.metadata.namespace !== collection.namespace) return undefined;
    const matched = before !== undefined && wanted(before.metadata.labels ?? {});
    const matches = type !== 'DELETED' && wanted(object.metadata.labels ?? {});
    if (matches) return { type: matched ? 'MODIFIED' : 'ADDED', object };
    return matched ? { type: 'DELETED', object } : undefined;
  };
};

const watch = (server: ApiServer, collection: Collection, signal: AbortSignal, stopped: AbortSignal): AsyncIterable<WatchEvent> => {
  kindOf(collection.apiVersion, collection.kind);
  const see = seenBy(collection);
  const pending: WatchEvent[] = [];
  const over = AbortSignal.any([signal, stopped]);
  let wake: () => void = () => undefined;
  const unsubscribe = server.subscribe((change) => {
    const event = see(change);
    if (event) pending.push(event);
    wake();
  });
  const end = (): void => {
    unsubscribe();
    wake();
  };
  if (over.aborted) end();
  else over.addEventListener('abort', end, { once: true });

  return {
    async *[Symbol.asyncIterator]() {
      try {
        while (!over.aborted) {
          const event = pending.shift();
          if (event) yield event;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        unsubscribe();
      }
    },
  };
};

/** One client of the API server, writing under a field manager of its own. Closing it ends its watches and nothing else. */
export const connect = (server: ApiServer, name: string, manager: string, around: Around): Cluster => {
  const writer = { manager };
  const stop = new AbortController();
  return {
    name,
    get: (ref, signal) => around('get', ref.kind, signal, () => server.get(ref)),
    list: (collection, signal) => around('list', collection.kind, signal, () => server.list(collection)),
    create: (object, options) => around('create', object.kind, options?.signal, () => server.create(object, writer, options?.dryRun)),
    patch: (ref, ops, options) => around('patch', ref.kind, options?.signal, () => server.patch(ref, ops, writer, options?.dryRun)),
    delete: (ref, preconditions, signal) => around('delete', ref.kind, signal, () => server.remove(ref, preconditions)),
    watch(collection, signal) {
      const opened = around('watch', collection.kind, signal, () => watch(server, collection, signal, stop.signal));
      opened.catch(() => undefined);
      return {
        async *[Symbol.asyncIterator]() {
          yield* await opened;
        },
      };
    },
    close: async () => stop.abort(),
  };
};
