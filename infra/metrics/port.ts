import type { Millis } from '../../events/input.ts';

/** `noData`: the provider answered, but with nothing to judge. `providerDown`: it did not answer, or with an error. */
export type Measurement =
  | { readonly outcome: 'value'; readonly value: number }
  | { readonly outcome: 'noData'; readonly reason: string }
  | { readonly outcome: 'providerDown'; readonly reason: string };

/** Evaluates one query at one moment, so that a repetition gives the same number. */
export interface Metrics {
  query(query: string, at: Millis, signal?: AbortSignal): Promise<Measurement>;
}
