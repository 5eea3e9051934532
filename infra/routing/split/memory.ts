import * as z from 'zod';
import type { Json } from '../../../events/input.ts';
import { shortHash } from '../digest.ts';
import type { Place } from './layout.ts';
import type { Found } from './found.ts';
import { scaleOf, writtenIn } from './weights.ts';
import type { Scale, Weigh } from './weights.ts';

const weight = z.number().nullable();
const schema = z.strictObject({
  places: z.array(z.strictObject({ at: z.string(), stable: weight, others: z.array(z.tuple([z.string(), weight])) })),
  shares: z.array(z.number()),
});

/**
 * The weights the user had, place by place (null: none written), and every share this release has planned, which tells a
 * weight of ours from one that somebody wrote meanwhile.
 */
export type Memory = z.infer<typeof schema>;

/** One place before the release. `at` names its rule, `others` are the backends of the user's own beside stable. */
export type Before = Memory['places'][number];

export const nothing: Memory = { places: [], shares: [] };

/** Undefined when the value is no memory of a router. */
export const readMemory = (memory: Json | undefined): Memory | undefined => {
  if (memory === undefined) return nothing;
  const read = schema.safeParse(memory);
  return read.success ? read.data : undefined;
};

/** One short key a place, in their order; rules that are named alike are told apart by their order among themselves. */
export const keysOf = (places: readonly Place[]): readonly string[] => {
  const seen = new Map<string, number>();
  return places.map(({ rule }) => {
    const nth = seen.get(rule) ?? 0;
    seen.set(rule, nth + 1);
    return shortHash(`${nth} ${rule}`, 12);
  });
};

export const recordOf = (at: string, found: Found): Before => ({
  at,
  stable: writtenIn(found.stable[0]?.entry['weight']),
  others: found.others.map(({ id, entry }) => [id, writtenIn(entry['weight'])]),
});

/** What the user's own backends counted for before the release, in their order, and the scale their place has since. */
export const countedBefore = (weigh: Weigh, before: Before): { readonly scale: Scale; readonly others: readonly number[] } => {
  const [stable = 0, ...others] = weigh([before.stable, ...before.others.map(([, written]) => written)]);
  return { scale: scaleOf(stable, others.length === 0), others };
};

/**
 * What is known of each place, in their order. A rule keeps its record when its index moves; where its name has changed,
 * the records left over go to the places that hold our entries, in order.
 */
export const recall = (memory: Memory, keys: readonly string[], found: readonly Found[]): readonly (Before | undefined)[] => {
  const byKey = new Map(memory.places.map((before) => [before.at, before]));
  const left = memory.places.filter((before) => !keys.includes(before.at));
  return keys.map((key, index) => {
    const known = byKey.get(key);
    if (known !== undefined) return known;
    return (found[index]?.canary.length ?? 0) > 0 ? left.shift() : undefined;
  });
};
