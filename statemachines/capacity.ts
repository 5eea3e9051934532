/**
 * Pods the canary needs to carry `weight` percent of what `replicas` stable pods carry. Rounded up, and never none for a positive
 * weight, so that one percent of three pods still has one. A step's own `replicas` wins where it asks for more.
 */
export const podsFor = (weight: number, replicas: number, asked?: number): number => {
  const needed = weight === 0 ? (asked === undefined ? 0 : 1) : Math.max(1, Math.ceil((replicas * weight) / 100));
  return Math.max(needed, asked ?? 0);
};
