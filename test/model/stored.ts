import { readFileSync } from 'node:fs';
import type { Json } from '../../events/input.ts';
import type { Document } from '../../statemachines/document.ts';
import { machineVersions } from '../../statemachines/machines.ts';
import { asBuilt } from './behaviour.ts';
import { worldNamed } from './configs.ts';
import { abstractDocuments, type View } from './documents.ts';
import { searchWith } from './search.ts';
import { watchful } from './watching.ts';

/** One document for each value its machine's state can have. Definitions are kept apart: most documents share one. */
export interface StoredSnapshots {
  readonly machine: string;
  readonly definitions: Readonly<Record<string, Json>>;
  readonly documents: readonly { readonly definition: string; readonly document: Omit<Document, 'definition'> }[];
}

/** Worlds that between them have every state of both machines, with the number of states that are searched. */
const searched: readonly (readonly [string, number])[] = [['analysis', 30_000], ['crashes', 30_000], ['approvals', 10_000], ['dying canary', 60_000], ['two releases', 30_000], ['everything', 60_000]];

export const kinds = ['release', 'rollout'] as const;
export const storedPath = (machine: string): URL => new URL(`../snapshots/${machine.replace('/', '-')}.json`, import.meta.url);
export const readStored = (machine: string): StoredSnapshots => JSON.parse(readFileSync(storedPath(machine), 'utf8')) as StoredSnapshots;

/** Every document of a stored file, with its definition. */
export const storedDocuments = ({ definitions, documents }: StoredSnapshots): readonly Document[] =>
  documents.map(({ definition, document }) => ({ ...document, definition: definitions[definition] as Json }));

/** Walks the worlds and keeps the first document of every state value it meets, in the order of their values. */
export const collectSnapshots = (): readonly StoredSnapshots[] => {
  const first = new Map<string, { readonly world: string; readonly view: View }>();
  for (const [name, budget] of searched) {
    const config = worldNamed(name);
    const watching = watchful(config, asBuilt, []);
    const met = (view: View): void => {
      const key = `${view.document.kind} ${view.path}`;
      if (!first.has(key)) first.set(key, { world: name, view });
    };
    searchWith(config, budget, asBuilt, watching, abstractDocuments(asBuilt, config.rollout.progressDeadlineMs + 1, { ...watching, met }));
  }
  return kinds.map((kind) => {
    const found = [...first.values()].filter(({ view }) => view.document.kind === kind).sort((a, b) => (a.view.path < b.view.path ? -1 : 1));
    return {
      machine: machineVersions[kind],
      definitions: Object.fromEntries(found.map(({ world }) => [world, worldNamed(world).rollout as unknown as Json])),
      documents: found.map(({ world, view: { document } }) => {
        const { definition: _definition, ...rest } = document;
        return { definition: world, document: rest };
      }),
    };
  });
};
