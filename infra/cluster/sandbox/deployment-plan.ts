import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { at, numberAt, textAt } from './fields.ts';

/** How many pods may be above and below the number wanted during a rolling update. */
export interface Allowance {
  readonly surge: number;
  readonly unavailable: number;
}

const scaled = (value: Json | undefined, of: number, round: (n: number) => number): number =>
  typeof value === 'number' ? value : round((Number.parseInt(typeof value === 'string' ? value : '0', 10) * of) / 100);

/** Percentages round up for surge and down for unavailability; both coming out 0 would block, so one may be missing then. */
export const allowance = (deployment: KubeObject): Allowance => {
  const wanted = numberAt(deployment, 'spec', 'replicas') ?? 1;
  if (textAt(deployment, 'spec', 'strategy', 'type') === 'Recreate') return { surge: 0, unavailable: wanted };
  const rolling = at(deployment, 'spec', 'strategy', 'rollingUpdate');
  const surge = scaled(at(rolling, 'maxSurge'), wanted, Math.ceil);
  const unavailable = Math.min(wanted, scaled(at(rolling, 'maxUnavailable'), wanted, Math.floor));
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
};

/** What is known of one ReplicaSet: how many pods it shall have, has, and has in service. */
export interface SetSize {
  readonly name: string;
  readonly wanted: number;
  readonly exist: number;
  readonly available: number;
}

export type Scale = Readonly<Record<string, number>>;

const sum = (sets: readonly SetSize[]): number => sets.reduce((total, set) => total + set.wanted, 0);

/** Takes up to `budget` pods from the sets in order; `spare` says how many each can give. */
const take = (sets: readonly SetSize[], scale: Record<string, number>, budget: number, spare: (set: SetSize) => number): number => {
  let left = budget;
  for (const set of sets) {
    const now = scale[set.name] ?? set.wanted;
    const taken = Math.max(0, Math.min(left, spare({ ...set, wanted: now }), now));
    if (taken > 0) scale[set.name] = now - taken;
    left -= taken;
  }
  return budget - left;
};

/** The next sizes of a rolling update: the new set up as far as surge allows, else the old ones (oldest first) down as far as availability allows. */
export const rollingStep = (wanted: number, allowed: Allowance, fresh: SetSize, old: readonly SetSize[]): Scale => {
  if (fresh.wanted > wanted) return { [fresh.name]: wanted };
  const total = fresh.wanted + sum(old);
  const room = Math.min(wanted + allowed.surge - total, wanted - fresh.wanted);
  if (room > 0) return { [fresh.name]: fresh.wanted + room };

  const scale: Record<string, number> = {};
  const least = wanted - allowed.unavailable;
  const budget = total - least - Math.max(0, fresh.wanted - fresh.available);
  if (budget <= 0) return scale;
  const unhealthy = take(old, scale, budget, (set) => set.wanted - set.available);
  take(old, scale, budget - unhealthy, (set) => set.wanted);
  return scale;
};

/** The next sizes with strategy Recreate: nothing new before the last old pod is gone. */
export const recreateStep = (wanted: number, fresh: SetSize, old: readonly SetSize[], oldPods: number): Scale => {
  const down = old.filter((set) => set.wanted > 0).map((set): [string, number] => [set.name, 0]);
  if (down.length > 0) return Object.fromEntries(down);
  return oldPods > 0 || fresh.wanted === wanted ? {} : { [fresh.name]: wanted };
};
