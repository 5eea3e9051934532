import { releaseId, rolloutId } from '../../statemachines/definition/rollout.ts';
import type { Document } from '../../statemachines/document.ts';
import type { RolloutContext } from '../../statemachines/rollout/machine.ts';
import { viewRelease, viewRollout, type ReleaseView, type RolloutView } from '../../statemachines/view.ts';
import type { Store } from '../../infra/store/port.ts';
import { Problem } from './problems.ts';

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

const contextOf = (rollout: Document): RolloutContext => rollout.snapshot.context as unknown as RolloutContext;

/** The rollout's document, or 404 with the names there are. */
export const rolloutNamed = async (store: Store, named: Named): Promise<Document> => {
  const document = await store.load(rolloutId(named));
  if (document !== undefined) return document;
  const known = (await store.list('rollout/', 20)).map(({ id }) => id.slice('rollout/'.length));
  throw new Problem(404, 'unknown-rollout', `no rollout is called ${named.namespace}/${named.name}; there ${known.length === 0 ? 'are none' : `are ${known.join(', ')}`}`);
};

/** The running release, or the last one. */
const newestRelease = async (store: Store, named: Named, rollout: Document): Promise<Document | undefined> => {
  const n = contextOf(rollout).active?.n ?? contextOf(rollout).counter;
  return n === 0 ? undefined : store.load(releaseId(named, n));
};

export const runningRelease = async (store: Store, named: Named, rollout: Document): Promise<Document | undefined> => {
  const n = contextOf(rollout).active?.n;
  return n === undefined ? undefined : store.load(releaseId(named, n));
};

export const viewOf = async (store: Store, rollout: Document): Promise<RolloutView> => {
  const { namespace, name } = rollout.definition as unknown as Named;
  return viewRollout(rollout, await newestRelease(store, { namespace, name }, rollout));
};

/** Views of a rollout's releases, newest first. */
export const historyOf = async (store: Store, named: Named, most: number): Promise<readonly ReleaseView[]> => {
  const rollout = await rolloutNamed(store, named);
  const { counter } = contextOf(rollout);
  const numbers = Array.from({ length: Math.min(counter, most) }, (_, i) => counter - i);
  const documents = await Promise.all(numbers.map((n) => store.load(releaseId(named, n))));
  return documents.flatMap((document) => (document === undefined ? [] : [viewRelease(document)]));
};
