import type { Edit } from './edits.ts';
import type { Found, Slot } from './found.ts';
import { scaleBefore } from './memory.ts';
import type { Before } from './memory.ts';
import { canaryWeight, stableWeight } from './weights.ts';

/** One of the user's own backends with the weight it had (null: none written); `was` undefined: it came during the release. */
export interface Other {
  readonly slot: Slot;
  readonly was: number | null | undefined;
}

/** Pairs the backends with what is known of them. One that the list names several times is told apart by the order alone. */
export const othersOf = (found: Found, before: Before): readonly Other[] => {
  const left = [...before.others];
  return found.others.map((slot) => {
    const at = left.findIndex(([id]) => id === slot.id);
    return { slot, was: at < 0 ? undefined : left.splice(at, 1)[0]?.[1] };
  });
};

export const isAsWas = ({ slot, was }: Other): boolean => was !== undefined && slot.entry['weight'] === (was ?? undefined);

export const isScaled = ({ slot, was }: Other, factor: number): boolean =>
  was !== undefined && slot.entry['weight'] === (was ?? 1) * factor;

/** Weights that somebody gave the other backends meanwhile stay: they were chosen beside the pair's total, which never changes. */
const othersForward = (found: Found, before: Before, factor: number): readonly Edit[] =>
  factor === 1
    ? []
    : othersOf(found, before).flatMap((other): Edit[] =>
        isAsWas(other) ? [{ do: 'weigh', index: other.slot.index, weight: (other.was ?? 1) * factor }] : [],
      );

/** Takes a place that holds stable once, and our entry at most once, to `percent` of the pair's share on the canary. */
export const forward = (found: Found, stable: Slot, before: Before, percent: number, canary: string): readonly Edit[] => {
  const scale = scaleBefore(before);
  const weight = canaryWeight(scale, percent);
  const ours = found.canary[0];
  return [
    { do: 'weigh', index: stable.index, weight: stableWeight(scale, percent) },
    ours === undefined ? { do: 'append', entry: { ...stable.entry, name: canary, weight } } : { do: 'weigh', index: ours.index, weight },
    ...othersForward(found, before, scale.factor),
  ];
};
