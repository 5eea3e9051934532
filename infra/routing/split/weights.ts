import type { Json } from '../../../events/input.ts';
import type { Entry } from './layout.ts';

/** A weight as it stands in an object; null: none is written. */
export type Written = number | null;

/** From the weights written in one list, in any order, to what each of its entries counts for. */
export type Weigh = (written: readonly Written[]) => readonly number[];

/** Traefik and the Gateway API both read a missing weight as 1. */
export const missingIsOne: Weigh = (written) => written.map((weight) => weight ?? 1);

export const writtenIn = (value: Json | undefined): Written => (typeof value === 'number' ? value : null);

export const isWeight = (entry: Entry): boolean => {
  const weight = entry['weight'];
  return weight === undefined || (typeof weight === 'number' && Number.isSafeInteger(weight) && weight >= 0);
};

/** The weights a list of backends has for the whole release: ours sum to `total`, everybody else's are multiplied by `factor`. */
export interface Scale {
  readonly total: number;
  readonly factor: number;
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

/**
 * Alone in its list, the pair sums to 100. Beside backends of the user's own, the pair's total is the smallest multiple of
 * stable's weight that every whole percent divides, so that no step disturbs their ratio to stable or writes them again.
 */
export const scaleOf = (stable: number, alone: boolean): Scale => {
  if (alone) return { total: 100, factor: 1 };
  const factor = 100 / commonDivisor(stable, 100);
  return { total: stable * factor, factor };
};

export const canaryWeight = (scale: Scale, percent: number): number => (scale.total / 100) * percent;

export const stableWeight = (scale: Scale, percent: number): number => (scale.total / 100) * (100 - percent);
