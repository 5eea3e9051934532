import type { Clock } from '../../clock.ts';
import type { KubeObject } from '../port.ts';
import type { ApiServer } from './api-server.ts';

/** Least and greatest lag in milliseconds, by kind. */
export type Lags = Readonly<Record<string, readonly [number, number]>>;

const watched = ['IngressRoute', 'TraefikService', 'Middleware', 'HTTPRoute', 'Service', 'EndpointSlice'];
const usualLag: readonly [number, number] = [20, 400];

/**
 * What a proxy has seen so far: each kind comes by a watch of its own, in order, each change with a lag of its own, so that routes
 * and endpoints are seen at different times. `onChange` comes after each change seen.
 */
export const laggedView = (server: ApiServer, clock: Clock, random: () => number, lags: Lags, onChange: () => void) => {
  const seen = new Map<string, KubeObject>();
  const seenUntil = new Map<string, number>();
  const unsubscribe = server.subscribe(({ type, object }) => {
    if (!watched.includes(object.kind)) return;
    const [least, greatest] = lags[object.kind] ?? usualLag;
    const due = Math.max(seenUntil.get(object.kind) ?? 0, clock.now() + Math.round(least + random() * (greatest - least)));
    seenUntil.set(object.kind, due);
    clock.at(due, () => {
      const address = `${object.apiVersion}/${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`;
      if (type === 'DELETED') seen.delete(address);
      else seen.set(address, object);
      onChange();
    });
  });
  return { objects: (): readonly KubeObject[] => [...seen.values()], close: unsubscribe };
};
