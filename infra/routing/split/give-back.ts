import type { Edit } from './edits.ts';
import { isAsWas, isScaled, othersOf } from './forward.ts';
import type { Found, Slot } from './found.ts';
import { scaleBefore } from './memory.ts';
import type { Before } from './memory.ts';
import { stableWeight, weightOf } from './weights.ts';

const drops = (slots: readonly Slot[]): readonly Edit[] => slots.map(({ index }) => ({ do: 'drop', index }));

/** Nobody knows what the place was (a rule copied during the release, say): stable takes over what the pair had. */
const handOver = (found: Found): readonly Edit[] => {
  const stable = found.stable[0];
  if (stable === undefined || found.canary.length === 0) return [];
  const sum = [stable, ...found.canary].reduce((total, { entry }) => total + weightOf(entry), 0);
  return [{ do: 'weigh', index: stable.index, weight: sum === 0 ? 100 : sum }, ...drops(found.canary)];
};

const exactly = (found: Found, stable: number, before: Before): readonly Edit[] => [
  { do: 'weigh', index: stable, weight: before.stable ?? undefined },
  ...(scaleBefore(before).factor === 1
    ? []
    : othersOf(found, before).map(({ slot, was }): Edit => ({ do: 'weigh', index: slot.index, weight: was ?? undefined }))),
];

/**
 * Takes our entries out of a place and gives it the weights it had. What somebody changed meanwhile stays changed, but for a
 * stable without any weight; and beside backends that he added or weighed anew stable keeps the pair's total, because they
 * were weighed against it. `shares` are the percentages this release has planned, whose weights are ours.
 */
export const giveBack = (found: Found, before: Before | undefined, shares: readonly number[], stableName: string): readonly Edit[] => {
  if (before === undefined) return handOver(found);
  const [standing] = found.stable;
  const [ours, ...spare] = found.canary;
  // Where stable's entry was deleted, ours is a copy of it and becomes it again: an empty list would answer errors.
  const stable = standing ?? ours;
  if (stable === undefined) return [];

  const scale = scaleBefore(before);
  const others = othersOf(found, before);
  const now = stable.entry['weight'];
  // A pair that sums to its total is a split of ours, also of a step that this memory does not know of yet.
  const pairIsOurs = ours !== undefined && weightOf(stable.entry) + weightOf(ours.entry) === scale.total && (weightOf(ours.entry) * 100) % scale.total === 0;
  const stableIsOurs =
    standing === undefined || pairIsOurs || now === (before.stable ?? undefined) || shares.some((percent) => stableWeight(scale, percent) === now);
  const othersAreOurs = others.every(isAsWas) || others.every((other) => isScaled(other, scale.factor));

  const weights: readonly Edit[] =
    stableIsOurs && othersAreOurs
      ? exactly(found, stable.index, before)
      : ours !== undefined && (stableIsOurs || now === 0)
        ? [{ do: 'weigh', index: stable.index, weight: scale.total }]
        : [];
  if (standing === undefined) return [{ do: 'rename', index: stable.index, name: stableName }, ...weights, ...drops(spare)];
  return [...weights, ...drops(found.canary)];
};
