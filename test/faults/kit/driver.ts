import type { World } from './world.ts';

/** Something from outside, as soon as it is time for it. */
export interface Act {
  readonly name: string;
  readonly when: (world: World) => boolean;
  readonly do: (world: World) => Promise<void>;
}

export type Driven =
  /** Nothing is left to be done, now or later. */
  | 'quiet'
  /** `until` said so. */
  | 'stopped'
  /** Still at work after the longest time that anything here could take. */
  | 'endless';

export interface Drive {
  /** Those that have come are taken off. */
  readonly acts?: Act[];
  /** Asked whenever nothing can be received. */
  readonly until?: (world: World) => boolean;
  readonly forMs?: number;
}

const longestMs = 3 * 3_600_000;
const mostRounds = 5_000;

/** Handles all that can be received at this moment. */
export const handleAll = async (world: World): Promise<void> => {
  for (let round = 0; round < mostRounds; round++) if (!(await world.handleNext())) return;
  throw new Error('messages without end');
};

/** Handles what can be received, lets time pass to whatever comes next, and so on until nothing ever comes. */
export const drive = async (world: World, { acts = [], until = () => false, forMs = longestMs }: Drive = {}): Promise<Driven> => {
  const { clock, moments, tier } = world;
  const end = clock.now() + forMs;
  let ticked = false;
  for (let round = 0; round < mostRounds; round++) {
    while (acts[0]?.when(world) === true) await acts.shift()?.do(world);
    if (await world.handleNext()) continue;
    if (until(world)) return 'stopped';
    const now = clock.now();
    if (now >= end) return 'endless';
    const due = world.nextWake();
    if (due !== undefined && due <= now && !ticked && (tier.tickEveryMs === 0 || now % tier.tickEveryMs === 0)) {
      ticked = true;
      await Promise.all(Array.from({ length: world.ticks() }, () => world.tick()));
      continue;
    }
    ticked = false;
    for (const moment of moments) if (moment <= now) moments.delete(moment);
    const next = Math.min(...moments, nextTick(tier.tickEveryMs, now, due));
    if (next === Infinity) return 'quiet';
    clock.advance(Math.min(next, end) - now);
  }
  return 'endless';
};

/** When the tick finds something to do: what is due already waits for whoever holds it, so it is asked again a little later. */
const nextTick = (everyMs: number, now: number, due: number | undefined): number => {
  if (due === undefined) return Infinity;
  if (everyMs === 0) return due > now ? due : now + 5_000;
  return Math.ceil(Math.max(due, now + 1) / everyMs) * everyMs;
};
