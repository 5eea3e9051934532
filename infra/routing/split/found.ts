import type { Sides } from '../port.ts';
import type { Entry, Layout, Place } from './layout.ts';
import { writtenIn } from './weights.ts';

/** An entry with its index in its list, what it refers to and what it counts for there. */
export interface Slot {
  readonly index: number;
  readonly entry: Entry;
  readonly id: string;
  readonly called: string;
  readonly weight: number;
}

/** A place seen with the eyes of a release: the entries of stable, of its canary, and everybody else's. */
export interface Found {
  readonly place: Place;
  readonly stable: readonly Slot[];
  readonly canary: readonly Slot[];
  readonly others: readonly Slot[];
}

/** Sorts the entries of one place by the Service they name, wherever they stand in it. */
export const look = (layout: Layout, place: Place, sides: Sides, namespace: string): Found => {
  const stable: Slot[] = [];
  const canary: Slot[] = [];
  const others: Slot[] = [];
  const counted = [...place.entries.entries()].filter(([, entry]) => layout.bystander?.(entry) !== true);
  const weights = layout.weigh(counted.map(([, entry]) => writtenIn(entry['weight'])));
  for (const [at, [index, entry]] of counted.entries()) {
    const reference = layout.reference(entry, namespace);
    const ours = reference.service && reference.namespace === sides.namespace;
    const side = ours && reference.name === sides.stable ? stable : ours && reference.name === sides.canary ? canary : others;
    side.push({ index, entry, id: reference.id, called: reference.called, weight: weights[at] ?? 0 });
  }
  return { place, stable, canary, others };
};
