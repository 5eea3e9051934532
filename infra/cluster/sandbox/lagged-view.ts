import type { Clock } from '../../clock.ts';
import type { KubeObject, WatchEvent } from '../port.ts';
import type { ApiServer } from './api-server.ts';

/** Least and greatest lag in milliseconds, by kind. */
export type Lags = Readonly<Record<string, readonly [number, number]>>;

const watched = ['IngressRoute', 'TraefikService', 'Middleware', 'HTTPRoute', 'GRPCRoute', 'VirtualService', 'HTTPProxy', 'Service', 'EndpointSlice'];
const usualLag: readonly [number, number] = [20, 400];

/**
 * What a proxy has seen so far: each kind comes by a watch of its own, in order, each change with a lag of its own, so that routes
 * and endpoints are seen at different times. `onChange` comes after each change seen.
 */
export const laggedView = (server: ApiServer, clock: Clock, random: () => number, lags: Lags, onChange: () => void) => {
  const seen = new Map<string, KubeObject>();
  const see = ({ type, object }: WatchEvent): void => {
    const address = `${object.apiVersion}/${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    if (type === 'DELETED') seen.delete(address);
    else seen.set(address, object);
    onChange();
  };
  const seenUntil = new Map<string, number>();
  /** Timers of the same moment fire in any order; a watch does not. */
  const coming = new Map<string, WatchEvent[]>();
  const unsubscribe = server.subscribe(({ type, object }) => {
    if (!watched.includes(object.kind)) return;
    const queue = coming.get(object.kind) ?? [];
    coming.set(object.kind, queue);
    queue.push({ type, object });
    const [least, greatest] = lags[object.kind] ?? usualLag;
    const due = Math.max(seenUntil.get(object.kind) ?? 0, clock.now() + Math.round(least + random() * (greatest - least)));
    seenUntil.set(object.kind, due);
    clock.at(due, () => {
      const next = queue.shift();
      if (next !== undefined) see(next);
    });
  });
  return { objects: (): readonly KubeObject[] => [...seen.values()], close: unsubscribe };
};
