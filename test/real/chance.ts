/**
 * Numbers from 0 up to 1 that look random and are the same for the same seed. The seed comes from SLUICE_REAL_SEED or the clock
 * and is printed, so that a run can be made again.
 */
export const chance = (what: string): (() => number) => {
  const seed = Number(process.env['SLUICE_REAL_SEED'] ?? Date.now() % 1_000_000);
  console.log(`${what}: SLUICE_REAL_SEED=${seed}`);
  let state = seed >>> 0;
  // mulberry32: small and good enough to choose moments by.
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};
