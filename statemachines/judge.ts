import type { Analysis } from './definition/rollout.ts';

/** Sums over the looks of one step. The judge keeps these, not samples. */
export interface Sums {
  readonly canary: { readonly bad: number; readonly all: number };
  readonly stable: { readonly bad: number; readonly all: number };
}

export const noSums: Sums = { canary: { bad: 0, all: 0 }, stable: { bad: 0, all: 0 } };

export type VerdictKind = 'pass' | 'fail' | 'inconclusive' | 'noData' | 'providerDown' | 'tooFewSamples';

export interface Verdict {
  readonly kind: VerdictKind;
  /** Why, with the numbers, in one sentence. */
  readonly why: string;
  readonly sums: Sums;
}

/** What a look brought home. */
export type Look =
  | { readonly value?: number; readonly canary?: { bad: number; all: number }; readonly stable?: { bad: number; all: number } }
  | { readonly missing: 'noData' | 'providerDown'; readonly reason: string };

const plus = (a: { bad: number; all: number }, b: { bad: number; all: number }): { bad: number; all: number } => ({ bad: a.bad + b.bad, all: a.all + b.all });
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
const share = (side: { bad: number; all: number }): number => (side.all === 0 ? 0 : side.bad / side.all);

/**
 * Judges one look. No data never passes (invariant 7). Counters are added up over the step and compared as shares of bad answers:
 * the canary fails when its share is above that of stable by more than the tolerance.
 */
export const judge = (analysis: Analysis, look: Look, before: Sums): Verdict => {
  if ('missing' in look) return { kind: look.missing, why: look.reason, sums: before };
  const { judgement } = analysis;
  if (judgement.type === 'bound') {
    const { value } = look;
    if (value === undefined || !Number.isFinite(value)) return { kind: 'noData', why: 'the query gave no number', sums: before };
    if (judgement.max !== undefined && value > judgement.max) return { kind: 'fail', why: `${value} is above the ${judgement.max} allowed`, sums: before };
    if (judgement.min !== undefined && value < judgement.min) return { kind: 'fail', why: `${value} is below the ${judgement.min} asked for`, sums: before };
    return { kind: 'pass', why: `${value} is within its bounds`, sums: before };
  }
  if (look.canary === undefined || look.stable === undefined) return { kind: 'noData', why: 'the counters gave no numbers', sums: before };
  const sums: Sums = { canary: plus(before.canary, look.canary), stable: plus(before.stable, look.stable) };
  if (sums.canary.bad > sums.canary.all || sums.stable.bad > sums.stable.all)
    return { kind: 'inconclusive', why: 'more bad answers than answers: the two queries do not count the same thing', sums: before };
  const fewest = Math.min(sums.canary.all, sums.stable.all);
  if (fewest < judgement.minSamples) return { kind: 'tooFewSamples', why: `${Math.floor(fewest)} answers of the ${judgement.minSamples} needed on each side`, sums };
  const [canary, stable] = [share(sums.canary), share(sums.stable)];
  const why = `${percent(canary)} bad of ${Math.round(sums.canary.all)} against ${percent(stable)} of ${Math.round(sums.stable.all)} on stable, ${percent(judgement.tolerance)} more allowed`;
  return { kind: canary > stable + judgement.tolerance ? 'fail' : 'pass', why, sums };
};
