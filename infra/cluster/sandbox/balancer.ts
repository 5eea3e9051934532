/** Gives the index whose turn it is among entries of these weights, -1 where no weight is above 0. Remembers turns by `key`. */
export type Balancer = (key: string, weights: readonly number[]) => number;

/**
 * Smooth weighted round robin: within as many turns as the weights sum to, every entry comes exactly as often as its weight, and
 * evenly spread. Turns start afresh when the weights of a key change.
 */
export const roundRobin = (): Balancer => {
  const turns = new Map<string, { readonly weights: string; readonly credit: number[] }>();
  return (key, weights) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total <= 0) return -1;
    const name = weights.join();
    const known = turns.get(key);
    const turn = known?.weights === name ? known : { weights: name, credit: weights.map(() => 0) };
    turns.set(key, turn);
    const { credit } = turn;
    weights.forEach((weight, i) => (credit[i] = (credit[i] ?? 0) + weight));
    const chosen = credit.reduce((best, value, i) => (weights[i] !== 0 && (best < 0 || value > (credit[best] ?? 0)) ? i : best), -1);
    credit[chosen] = (credit[chosen] ?? 0) - total;
    return chosen;
  };
};
