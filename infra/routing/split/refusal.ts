import type { KubeObject } from '../../cluster/port.ts';
import type { Sides } from '../port.ts';
import { otherController } from '../competitors.ts';
import { look } from './found.ts';
import type { Found } from './found.ts';
import { nameOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { countedBefore, recordOf } from './memory.ts';
import { isWeight } from './weights.ts';

export const foundIn = (layout: Layout, object: KubeObject, sides: Sides): readonly Found[] =>
  layout.places(object).map((place) => look(layout, place, sides, object.metadata.namespace ?? sides.namespace));

/** Users reach stable through this place: it is to be split. A stable at weight 0 without our entry gets nobody and is left alone. */
export const carries = (found: Found): boolean =>
  found.stable.length > 0 && (found.canary.length > 0 || found.stable.some(({ weight }) => weight > 0));

const crowded = (layout: Layout, { place, canary }: Found): string | undefined =>
  canary.length === 0 && place.entries.length + 1 > layout.maxEntries
    ? `${place.label} has ${place.entries.length} backends and no room for the canary's; allowed are ${layout.maxEntries} in all`
    : undefined;

/** Why this place cannot be split exactly, or undefined when it can. */
export const unsplittable = (layout: Layout, found: Found, sides: Sides): string | undefined => {
  const { place, stable, canary } = found;
  const odd = place.entries.findIndex((entry) => !isWeight(entry));
  if (odd >= 0) {
    return `${place.label}[${odd}].weight is ${JSON.stringify(place.entries[odd]?.['weight'])}; allowed is a whole number from 0 up, or none`;
  }
  for (const { index, entry } of stable) {
    const reason = layout.single?.(entry);
    if (reason !== undefined) return `${place.label}[${index}].${reason}`;
  }
  if (stable.length !== 1) return `${place.label} names the stable Service ${sides.stable} ${stable.length} times; allowed is once a rule`;
  if (canary.length > 1) return `${place.label} names the canary Service ${sides.canary} ${canary.length} times; allowed is once a rule`;
  return crowded(layout, found);
};

/** Why the weights before the release leave no room for a split in whole numbers, or undefined when they do. */
export const inexpressible = (layout: Layout, found: Found): string | undefined => {
  const { scale, others } = countedBefore(layout.weigh, recordOf('', found));
  const highest = Math.max(scale.total, ...others.map((weight) => weight * scale.factor));
  return highest > layout.maxWeight
    ? `${found.place.label}: a split in whole percent beside its other backends would need a weight of ${highest}; ` +
        `allowed is up to ${layout.maxWeight}: use smaller weights in the same ratio`
    : undefined;
};

const unnamed = (layout: Layout, found: readonly Found[], sides: Sides): string => {
  const at0 = found.find(({ stable }) => stable.length > 0);
  if (at0 !== undefined) return `${at0.place.label} gives the stable Service ${sides.stable} weight 0: no users would reach the canary`;
  const names = [...new Set(found.flatMap(({ others }) => others.map(({ called }) => called)))];
  return (
    `no rule names the stable Service ${sides.namespace}/${sides.stable}; found ${names.length === 0 ? 'no backends' : names.join(', ')}; ` +
    `allowed are objects of kind ${layout.kind} that name it directly`
  );
};

/** Everything that keeps an object nobody has touched yet from carrying a release; the port's `check`. */
export const refusal = (layout: Layout, object: KubeObject, sides: Sides): string | undefined => {
  if (object.kind !== layout.kind || !layout.apiVersions.includes(object.apiVersion)) {
    return `it is ${object.kind} of ${object.apiVersion}; allowed is ${layout.kind} of ${layout.apiVersions.join(' or ')}`;
  }
  if (object.metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  const found = foundIn(layout, object, sides);
  const taken = found.find(({ canary }) => canary.length > 0);
  const carrying = found.filter(carries);
  return (
    otherController(object) ??
    layout.refuse(object, sides) ??
    (taken === undefined
      ? undefined
      : `${taken.place.label} names the Service ${sides.canary} already, which this release did not write; allowed is a name for the canary that is free`) ??
    (carrying.length === 0 ? unnamed(layout, found, sides) : undefined) ??
    carrying.map((one) => unsplittable(layout, one, sides) ?? inexpressible(layout, one)).find((problem) => problem !== undefined)
  );
};

export const said = (object: KubeObject, problem: string): string => `${nameOf(object)}: ${problem}`;
