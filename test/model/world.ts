import type { View } from './documents.ts';

/**
 * The cluster, as far as invariants can tell one state of it from another. Versions of the service are words (`v0`, `v1` ...);
 * of a resourceVersion only "the hung worker's read is stale" is kept; pods are counted for the canary alone.
 */

/** One route object. `shape` changes when somebody moves the entries that armed writes test. */
export interface RouteState {
  readonly mark: number;
  /** Weight of our entry; null when it is not there. */
  readonly weight: number | null;
  readonly shape: 0 | 1;
  readonly stamped: boolean;
}

/** The canary's Deployment and Service. `owner` is the release whose marker owns it (0: nobody, nothing removes it). */
export interface Fleet {
  readonly owner: number;
  readonly release: number;
  readonly size: number;
  readonly ready: number;
  /** Its pods were lost after they had been ready, and have not come back. */
  readonly lost: boolean;
}

/** A worker that hangs: `taken` before it has read anything, `read` between its reads and its write. */
export interface Hung {
  readonly release: number;
  readonly name: string;
  readonly route: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
  /** Key of its effect; undefined once no outbox holds it any more. */
  readonly key: string | undefined;
  readonly at: 'taken' | 'read';
  /** Somebody wrote the object after this worker had read it. */
  readonly stale: boolean;
  /** It is about to create the canary, which no condition protects. */
  readonly creates: boolean;
}

/**
 * A worker that has taken in results of reads and not saved them yet: the document as it holds it in memory. Whoever saves the
 * document in the meantime, through the urgent lane or by a second delivery, makes it `stale`.
 */
export interface Ahead {
  readonly slot: 1 | 2;
  readonly view: View;
  readonly stale: boolean;
}

export interface World {
  readonly routes: Readonly<Record<string, RouteState>>;
  readonly fleet: Fleet | undefined;
  /** Releases whose marker object exists. */
  readonly markers: readonly number[];
  readonly template: string;
  /** Stable's pods: all of the template and ready; ready but of two versions; too few ready. */
  readonly pods: 'full' | 'mixed' | 'short';
  /** The release that raised the autoscaler's lower bound, 0 for none. */
  readonly pinned: number;
  readonly hung: Hung | undefined;
  readonly ahead: Ahead | undefined;
  /** Inputs with an id of their own that were delivered once: copies of them may come. */
  readonly delivered: readonly string[];
}

/** Names of things that have a resourceVersion, for telling whether a write made a read stale. */
export type ObjectName = `route ${string}` | 'fleet' | 'stable' | 'autoscaler';

export const untouchedRoute: RouteState = { mark: 0, weight: null, shape: 0, stamped: false };

export const firstWorld = (routes: readonly string[]): World => ({
  routes: Object.fromEntries(routes.map((key) => [key, untouchedRoute])),
  fleet: undefined,
  markers: [],
  template: 'v0',
  pods: 'full',
  pinned: 0,
  hung: undefined,
  ahead: undefined,
  delivered: [],
});

/** Two worlds with the same key are the same. */
export const worldKey = ({ routes, fleet, markers, template, pods, pinned, hung, ahead, delivered }: World): string => {
  let key = `${template}${pods}${pinned}${markers.join()}|${delivered.join()}|`;
  for (const name in routes) {
    const { mark, weight, shape, stamped } = routes[name] as RouteState;
    key += `${mark},${weight},${shape}${stamped ? 's' : ''};`;
  }
  if (fleet !== undefined) key += `f${fleet.owner},${fleet.release},${fleet.size},${fleet.ready}${fleet.lost ? 'l' : ''}`;
  if (hung !== undefined) key += `h${hung.release}${hung.name}${hung.route ?? ''}${JSON.stringify(hung.params)}${hung.key ?? '-'}${hung.at}${hung.stale ? 's' : ''}${hung.creates ? 'c' : ''}`;
  if (ahead !== undefined) key += `a${ahead.slot},${ahead.view.id}${ahead.stale ? 's' : ''}`;
  return key;
};

/** The object that an effect of this name writes. */
export const objectOf = (name: string, route: string | undefined): ObjectName => {
  if (name.startsWith('route.')) return `route ${route ?? ''}`;
  if (name.startsWith('template.')) return 'stable';
  return name.startsWith('autoscaler.') ? 'autoscaler' : 'fleet';
};

/** The world after this object was written: what a hung worker read of it is stale now. */
export const written = (world: World, object: ObjectName): World =>
  world.hung === undefined || world.hung.at !== 'read' || world.hung.stale || objectOf(world.hung.name, world.hung.route) !== object ? world : { ...world, hung: { ...world.hung, stale: true } };

export const withRoute = (world: World, key: string, change: Partial<RouteState>): World =>
  written({ ...world, routes: { ...world.routes, [key]: { ...(world.routes[key] ?? untouchedRoute), ...change } } }, `route ${key}`);

/** A canary whose owner is gone, or that never had one in this world. */
export const orphaned = (world: World): boolean => world.fleet !== undefined && world.fleet.owner !== 0 && !world.markers.includes(world.fleet.owner);
