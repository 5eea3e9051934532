import type { KubeObject } from '../port.ts';
import { textAt } from './fields.ts';
import type { Route } from './route-model.ts';

/** A route that competes with others for a request. */
export interface Candidate extends Route {
  /** Compared entry by entry, the greater first. */
  readonly rank: readonly number[];
  /** Of equals the older object wins, and within one the order it is written in. */
  readonly age: string;
}

/** A host without a wildcard before one with, and the longer first. */
export const hostRank = (hostname: string): readonly [number, number] => [hostname === '' || hostname === '*' ? 0 : hostname.startsWith('*') ? 1 : 2, hostname.length];

export const ageOf = (object: KubeObject): string =>
  `${textAt(object, 'metadata', 'creationTimestamp') ?? ''} ${object.metadata.namespace ?? ''}/${object.metadata.name}`;

export const byPrecedence = (a: Candidate, b: Candidate): number => {
  const at = a.rank.findIndex((value, i) => value !== b.rank[i]);
  if (at >= 0) return (b.rank[at] ?? 0) - (a.rank[at] ?? 0);
  return a.age === b.age ? 0 : a.age < b.age ? -1 : 1;
};
