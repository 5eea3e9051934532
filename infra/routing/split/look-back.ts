import type { KubeObject } from '../../cluster/port.ts';
import type { Observed, Sides, Traffic, Verified } from '../port.ts';
import type { Found } from './found.ts';
import type { Layout } from './layout.ts';
import { carries, foundIn } from './refusal.ts';

interface Pair {
  readonly stable: number;
  readonly canary: number;
}

const pairOf = ({ stable, canary }: Found): Pair => ({
  stable: stable.reduce((sum, { weight }) => sum + weight, 0),
  canary: canary.reduce((sum, { weight }) => sum + weight, 0),
});

const percentOf = ({ stable, canary }: Pair): number => (stable + canary === 0 ? 0 : (canary * 100) / (stable + canary));

/**
 * The port's `observe`. Percentages are of the pair's share, so that backends of the user's own do not dilute them, and may
 * be fractions. Where rules disagree it is the one that shows the canary to most.
 */
export const observe = (layout: Layout, object: KubeObject, sides: Sides): Observed => {
  const found = foundIn(layout, object, sides).filter((one) => one.stable.length + one.canary.length > 0);
  const pairs = found.map(pairOf).toSorted((a, b) => percentOf(b) - percentOf(a));
  const present = found.some(({ canary }) => canary.length > 0);
  const most = pairs.find(({ stable, canary }) => stable + canary > 0);
  return most === undefined ? { present, canary: 0, stable: 0 } : { present, canary: percentOf(most), stable: 100 - percentOf(most) };
};

const foreign = (reason: string): Verified => ({ state: 'foreign', reason });

const deviation = (found: Found, sides: Sides, percent: number): string | undefined => {
  const { place, stable, canary } = found;
  if (stable.length === 0) return `${place.label} names ${sides.canary} without the stable Service ${sides.stable}`;
  if (canary.length === 0) return `${place.label} has no entry of the canary Service ${sides.canary}`;
  const pair = pairOf(found);
  // In integers: a share that only nearly fits was not written by us.
  return pair.stable + pair.canary > 0 && pair.canary * 100 === percent * (pair.stable + pair.canary)
    ? undefined
    : `${place.label} has the weights ${sides.stable} ${pair.stable}, ${sides.canary} ${pair.canary}; ${percent} % was written`;
};

/** The port's `verify`: first whether the content is what was written, then whether the object's controller has taken it. */
export const verify = (layout: Layout, object: KubeObject, sides: Sides, traffic: Traffic | null): Verified => {
  const found = foundIn(layout, object, sides);
  if (traffic === null) {
    const left = found.find(({ canary }) => canary.length > 0);
    return left === undefined ? layout.taken(object, true) : foreign(`${left.place.label} names the canary Service ${sides.canary}`);
  }
  const split = found.filter((one) => carries(one) || one.canary.length > 0);
  if (split.length === 0) return foreign(`no rule names the stable Service ${sides.namespace}/${sides.stable} any more`);
  const reason = split.map((one) => deviation(one, sides, traffic.canary)).find((one) => one !== undefined);
  return reason === undefined ? layout.taken(object, false) : foreign(reason);
};
