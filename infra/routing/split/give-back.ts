import type { Edit } from './edits.ts';
import { isAsWas, isScaled, othersOf } from './forward.ts';
import type { Found, Slot } from './found.ts';
import type { Layout } from './layout.ts';
import { countedBefore } from './memory.ts';
import type { Before } from './memory.ts';
import { stableWeight } from './weights.ts';
import type { Weigh } from './weights.ts';

const drops = (slots: readonly Slot[]): readonly Edit[] => slots.map(({ index }) => ({ do: 'drop', index }));

/** Nobody knows what the place was (a rule copied during the release, say): stable takes over what the pair had. */
const handOver = (found: Found): readonly Edit[] => {
  const stable = found.stable[0];
  if (stable === undefined || found.canary.length === 0) return [];
  const sum = [stable, ...found.canary].reduce((total, { weight }) => total + weight, 0);
  return [{ do: 'weigh', index: stable.index, weight: sum === 0 ? 100 : sum }, ...drops(found.canary)];
};

const exactly = (weigh: Weigh, found: Found, stable: number, before: Before): readonly Edit[] => [
  { do: 'weigh', index: stable, weight: before.stable ?? undefined },
  ...(countedBefore(weigh, before).scale.factor === 1
    ? []
    : othersOf(weigh, found, before).map(({ slot, was }): Edit => ({ do: 'weigh', index: slot.index, weight: was ?? undefined }))),
];

/**
 * Takes our entries out of a place and gives it the weights it had. What somebody changed meanwhile stays changed, but for a
 * stable without any weight; and beside backends that he added or weighed anew stable keeps the pair's total, because they
 * were weighed against it. `shares` are the percentages this release has planned, whose weights are ours.
 */
export const giveBack = (layout: Layout, found: Found, before: Before | undefined, shares: readonly number[], stableName: string): readonly Edit[] => {
  if (before === undefined) return handOver(found);
  const [standing] = found.stable;
  const [ours, ...spare] = found.canary;
  // Where stable's entry was deleted, ours is a copy of it and becomes it again: an empty list would answer errors.
  const stable = standing ?? ours;
  if (stable === undefined) return [];

  const { scale } = countedBefore(layout.weigh, before);
  const others = othersOf(layout.weigh, found, before);
  const now = stable.entry['weight'];
  // A pair that sums to its total is a split of ours, also of a step that this memory does not know of yet.
  const pairIsOurs = ours !== undefined && stable.weight + ours.weight === scale.total && (ours.weight * 100) % scale.total === 0;
  const stableIsOurs =
    standing === undefined || pairIsOurs || now === (before.stable ?? undefined) || shares.some((percent) => stableWeight(scale, percent) === now);
  const othersAreOurs = others.every(isAsWas) || others.every((other) => isScaled(other, scale.factor));

  const weights: readonly Edit[] =
    stableIsOurs && othersAreOurs
      ? exactly(layout.weigh, found, stable.index, before)
      : ours !== undefined && (stableIsOurs || stable.weight === 0)
        ? [{ do: 'weigh', index: stable.index, weight: scale.total }]
        : [];
  if (standing === undefined) return [{ do: 'rename', index: stable.index, fields: layout.named(stable.entry, stableName) }, ...weights, ...drops(spare)];
  return [...weights, ...drops(found.canary)];
};
