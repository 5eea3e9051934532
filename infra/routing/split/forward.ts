import type { Edit } from './edits.ts';
import type { Found, Slot } from './found.ts';
import type { Layout } from './layout.ts';
import { countedBefore } from './memory.ts';
import type { Before } from './memory.ts';
import { canaryWeight, stableWeight } from './weights.ts';
import type { Weigh, Written } from './weights.ts';

/** One of the user's own backends with the weight it had, as written and as it counted; `was` undefined: it came during the release. */
export interface Other {
  readonly slot: Slot;
  readonly was: Written | undefined;
  readonly counted: number;
}

/** Pairs the backends with what is known of them. One that the list names several times is told apart by the order alone. */
export const othersOf = (weigh: Weigh, found: Found, before: Before): readonly Other[] => {
  const { others } = countedBefore(weigh, before);
  const left = before.others.map(([id, was], index) => ({ id, was, counted: others[index] ?? 0 }));
  return found.others.map((slot) => {
    const at = left.findIndex(({ id }) => id === slot.id);
    const known = at < 0 ? undefined : left.splice(at, 1)[0];
    return { slot, was: known?.was, counted: known?.counted ?? 0 };
  });
};

export const isAsWas = ({ slot, was }: Other): boolean => was !== undefined && slot.entry['weight'] === (was ?? undefined);

/** One that counted for nothing is written nothing. */
export const isScaled = (other: Other, factor: number): boolean =>
  other.was !== undefined && (other.counted === 0 ? isAsWas(other) : other.slot.entry['weight'] === other.counted * factor);

/** Weights that somebody gave the other backends meanwhile stay: they were chosen beside the pair's total, which never changes. */
const othersForward = (weigh: Weigh, found: Found, before: Before, factor: number): readonly Edit[] =>
  factor === 1
    ? []
    : othersOf(weigh, found, before).flatMap((other): Edit[] =>
        isAsWas(other) && other.counted > 0 ? [{ do: 'weigh', index: other.slot.index, weight: other.counted * factor }] : [],
      );

/** Takes a place that holds stable once, and our entry at most once, to `percent` of the pair's share on the canary. */
export const forward = (layout: Layout, found: Found, stable: Slot, before: Before, percent: number, canary: string): readonly Edit[] => {
  const { scale } = countedBefore(layout.weigh, before);
  const weight = canaryWeight(scale, percent);
  const ours = found.canary[0];
  return [
    { do: 'weigh', index: stable.index, weight: stableWeight(scale, percent) },
    ours === undefined
      ? { do: 'append', entry: { ...stable.entry, ...layout.named(stable.entry, canary), weight } }
      : { do: 'weigh', index: ours.index, weight },
    ...othersForward(layout.weigh, found, before, scale.factor),
  ];
};
