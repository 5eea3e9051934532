import type { KubeObject } from '../../infra/cluster/port.ts';
import type { Store } from '../../infra/store/port.ts';
import type { Document } from '../../statemachines/document.ts';
import { rolloutId } from '../../statemachines/definition/rollout.ts';
import { definition, namespace, type RouteKind } from './application.ts';
import { heldWorld, isGating, start } from './held.ts';

/** A release under way, exactly as the product left it: its two documents and its route object. */
export interface UnderWay {
  readonly rollout: Document;
  readonly release: Document;
  readonly route: KubeObject;
}

/** Like the namespace in no other word of the documents, so that it can be replaced in their text. */
const original = 'app-00000';

/**
 * Runs one release on a sandbox to the gates of its first step, where 20 % of users are on the canary and the way back is armed.
 * It holds there for a day. Copies of it under other names are as good as releases of their own, and cost no minute each.
 * Its router's lag is a minute, so that what follows an abort's write is not yet under way while the next abort is measured.
 */
export const releaseUnderWay = async (route: RouteKind): Promise<UnderWay> => {
  const world = await heldWorld({ name: original, route, definition: definition(original, route, '[{weight: 20, hold: 24h}, {weight: 100}]', '', '60s') });
  await world.tell(rolloutId({ namespace, name: original }), start);
  const release = await world.until(1, 'its first gate', isGating);
  const rollout = await world.ports.store.load(rolloutId({ namespace, name: original }));
  const apiVersion = route === 'IngressRoute' ? 'traefik.io/v1alpha1' : 'gateway.networking.k8s.io/v1';
  const object = await world.ports.cluster('default').then((cluster) => cluster?.get({ apiVersion, kind: route, namespace, name: original }));
  await world.close();
  if (rollout === undefined || object === undefined) throw new Error('the release to be copied has left no rollout or no route');
  return { rollout, release, route: object };
};

export const nameOf = (n: number): string => `app-${String(n).padStart(5, '0')}`;

/** The same release of application `n` in another namespace. */
export const copy = (underWay: UnderWay, n: number, home: string = namespace): UnderWay =>
  JSON.parse(JSON.stringify(underWay).replaceAll(original, nameOf(n)).replaceAll(namespace, home)) as UnderWay;

/** Stores copies `from` up to `to` (excluded), many to a commit. */
export const storeCopies = async (store: Store, underWay: UnderWay, from: number, to: number): Promise<void> => {
  for (let n = from; n < to; n += 500)
    await Promise.all(
      Array.from({ length: Math.min(500, to - n) }, (_, i) => copy(underWay, n + i)).flatMap(({ rollout, release }) =>
        [rollout, release].map(async (document) => {
          const saved = await store.save(document, 0, []);
          if (!saved.ok) throw new Error(`${document.id} was not stored: ${saved.reason}`);
        }),
      ),
    );
};
