import type { Input } from '../../events/input.ts';
import type { Document, Outcome } from '../../statemachines/document.ts';
import { effectTable, type Effect } from '../../statemachines/effects.ts';
import type { ReleaseContext } from '../../statemachines/release/context.ts';
import type { Behaviour } from './behaviour.ts';
import { documentKey, moment, normalForm } from './normal-form.ts';

/** A document and what the model reads off it again and again. `id` is its number; 0 is "there is none". */
export interface View {
  readonly id: number;
  readonly document: Document;
  /** Number of the release, 0 for the rollout. */
  readonly n: number;
  /** Top level of the machine's state, and the whole of it. */
  readonly phase: string;
  readonly path: string;
  readonly ended: boolean;
  readonly context: ReleaseContext;
  readonly traffic: readonly Effect[];
  readonly aside: readonly Effect[];
  readonly timers: readonly string[];
}

/** What an input did to a document. `view` is undefined where there is no document. */
export interface Taken {
  readonly view: View | undefined;
  readonly outcome: Outcome;
  /** Key of an effect before -> after; absent: no outbox holds it any more. */
  readonly keys: ReadonlyMap<string, string>;
  readonly said: string;
}

/** `late`: the progress deadline has passed since the present attempts began. */
export type When = 'now' | 'late';

export interface Documents {
  /** Gives the input to the document; `key` names the input among all that this document may get. */
  take(view: View | undefined, key: string, input: () => Input, when?: When): Taken;
  count(): number;
}

export const phaseOf = (value: unknown): string => (typeof value === 'string' ? value : (Object.keys(value as object)[0] ?? ''));

export const viewOf = (id: number, document: Document): View => ({
  id,
  document,
  n: document.kind === 'rollout' ? 0 : Number(document.id.split('/').at(-1)),
  phase: phaseOf(document.snapshot.value),
  path: JSON.stringify(document.snapshot.value),
  ended: document.snapshot.status === 'done',
  context: document.snapshot.context as unknown as ReleaseContext,
  traffic: document.outbox.filter(({ name }) => effectTable[name].lane === 'traffic'),
  aside: document.outbox.filter(({ name }) => effectTable[name].lane === 'aside'),
  timers: Object.keys(document.timers),
});

/** Called for every new pair of document and input, and for every new document. */
export interface Watcher {
  moved(before: View | undefined, input: Input, taken: Taken): void;
  met(view: View): void;
}

/** Documents in their normal form, each kept once; `advance` is asked once for each pair of document and input. */
export const abstractDocuments = (behaviour: Behaviour, lateBy: number, watcher: Watcher): Documents => {
  const views = new Map<string, View>();
  const taken: Map<string, Taken>[] = [new Map()];

  const intern = (document: Document): { view: View; keys: ReadonlyMap<string, string> } => {
    const normal = normalForm(document);
    const key = `${document.id} ${documentKey(normal.document)}`;
    const known = views.get(key);
    if (known !== undefined) return { view: known, keys: normal.keys };
    // As it would come back from the store.
    const view = viewOf(views.size + 1, { ...(JSON.parse(JSON.stringify({ ...normal.document, definition: null })) as Document), definition: document.definition });
    views.set(key, view);
    taken[view.id] = new Map();
    watcher.met(view);
    return { view, keys: normal.keys };
  };

  return {
    take(view, key, input, when = 'now') {
      const memo = taken[view?.id ?? 0] as Map<string, Taken>;
      const name = when === 'late' ? `late ${key}` : key;
      const known = memo.get(name);
      if (known !== undefined) return known;
      const given = input();
      const advanced = behaviour.advance(view?.document, given, when === 'late' ? moment + lateBy : moment);
      const interned = advanced.document === undefined || advanced.document === view?.document ? undefined : intern(advanced.document);
      const unchanged = new Map(view?.document.outbox.map((effect) => [effect.key, effect.key]));
      const result: Taken = { view: interned?.view ?? view, outcome: advanced.outcome, keys: interned?.keys ?? unchanged, said: advanced.row?.said ?? '' };
      memo.set(name, result);
      watcher.moved(view, given, result);
      return result;
    },
    count: () => views.size,
  };
};
