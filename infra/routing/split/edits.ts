import type { Json } from '../../../events/input.ts';
import type { JsonPatchOp } from '../../../statemachines/document.ts';
import type { Entry, Place } from './layout.ts';

/** A change to one list of backends; indices are those before any change. `weight` undefined: the field goes. */
export type Edit =
  | { readonly do: 'weigh'; readonly index: number; readonly weight: number | undefined }
  | { readonly do: 'rename'; readonly index: number; readonly fields: Entry }
  | { readonly do: 'append'; readonly entry: Entry }
  | { readonly do: 'drop'; readonly index: number };

/** `needed`: nothing is written that is already so. `all`: weights are written whatever they are, for a write nobody looks before. */
type Extent = 'needed' | 'all';

const weighOps = (path: string, entry: Entry, weight: number | undefined, extent: Extent): readonly JsonPatchOp[] => {
  const now = entry['weight'];
  if (weight === undefined) return now === undefined ? [] : [{ op: 'remove', path: `${path}/weight` }];
  if (now === undefined) return [{ op: 'add', path: `${path}/weight`, value: weight }];
  return now === weight && extent === 'needed' ? [] : [{ op: 'replace', path: `${path}/weight`, value: weight }];
};

const editOps = (place: Place, edit: Edit, extent: Extent): readonly JsonPatchOp[] => {
  if (edit.do === 'append') return [{ op: 'add', path: `${place.path}/-`, value: edit.entry }];
  const path = `${place.path}/${edit.index}`;
  if (edit.do === 'drop') return [{ op: 'remove', path }];
  if (edit.do === 'rename') return Object.entries(edit.fields).map(([field, value]) => ({ op: 'replace', path: `${path}/${field}`, value: value ?? null }));
  return weighOps(path, place.entries[edit.index] ?? {}, edit.weight, extent);
};

const lastFirst = (edits: readonly Edit[]): readonly Edit[] => [
  ...edits.filter((edit) => edit.do !== 'drop'),
  ...edits.filter((edit) => edit.do === 'drop').toSorted((a, b) => b.index - a.index),
];

/** The edits as JSON Patch: removals last and from the highest index down, so that no index moves under another operation. */
export const toOps = (place: Place, edits: readonly Edit[], extent: Extent): readonly JsonPatchOp[] =>
  lastFirst(edits).flatMap((edit) => editOps(place, edit, extent));

const without = (entry: Entry, field: string): Entry => Object.fromEntries(Object.entries(entry).filter(([name]) => name !== field));

/** The place as it is after the edits. */
export const edited = (place: Place, edits: readonly Edit[]): Place => {
  const entries = [...place.entries];
  for (const edit of lastFirst(edits)) {
    if (edit.do === 'append') entries.push(edit.entry);
    else if (edit.do === 'drop') entries.splice(edit.index, 1);
    else {
      const entry = entries[edit.index] ?? {};
      if (edit.do === 'rename') entries[edit.index] = { ...entry, ...edit.fields };
      else entries[edit.index] = edit.weight === undefined ? without(entry, 'weight') : { ...entry, weight: edit.weight };
    }
  }
  return { ...place, entries };
};

const identity = ['group', 'kind', 'namespace', 'name', 'port', 'destination'] as const;

/** Tests that fail unless the rule and these entries of it stand where they stood. Weights are left out: they change with each step. */
export const identityTests = (place: Place, indices: readonly number[]): readonly JsonPatchOp[] => [
  ...(place.anchor === undefined ? [] : [{ op: 'test', path: place.anchor.path, value: place.anchor.value } as const]),
  ...indices.flatMap((index) =>
    identity.flatMap((field): JsonPatchOp[] => {
      const value: Json | undefined = place.entries[index]?.[field];
      return value === undefined ? [] : [{ op: 'test', path: `${place.path}/${index}/${field}`, value }];
    }),
  ),
];
