import type { Figures } from './row.ts';

/** The smallest sample that at least `share` of all samples do not exceed (nearest rank). NaN without samples. */
export const quantile = (samples: readonly number[], share: number): number => {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
};

export const spread = (samples: readonly number[], unit: Figures['unit']): Figures & { readonly p50: number; readonly p99: number } => ({
  unit,
  n: samples.length,
  p50: quantile(samples, 0.5),
  p99: quantile(samples, 0.99),
});

/** Milliseconds that `work` takes. */
export const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
};
