import type { Clock } from '../../clock.ts';
import { ClusterError } from '../port.ts';

export type Verb = 'get' | 'list' | 'create' | 'patch' | 'delete' | 'watch';

/**
 * What goes wrong with one call. `fail`: refused before anything happens. `lose`: it takes effect and the answer is lost.
 * `delay`: it is carried out `ms` later, as by a function that was frozen; no deadline but the caller's signal ends it.
 * `hang`: it never happens; the call ends by the caller's signal or the deadline.
 */
export type Fault =
  | { readonly do: 'fail'; readonly error: ClusterError }
  | { readonly do: 'lose' }
  | { readonly do: 'delay'; readonly ms: number }
  | { readonly do: 'hang' };

export interface Faults {
  /** Lets the next such call go wrong; several for the same verb and kind are used up in order. */
  next(verb: Verb, kind: string, fault: Fault): void;
}

export interface Calls {
  count(verb: Verb, kind: string): number;
  /** All counts, keyed `patch IngressRoute`. */
  all(): Readonly<Record<string, number>>;
  total(): number;
  reset(): void;
}

/** The same for every implementation of the port: no call takes longer than this. */
const deadlineMs = 10_000;

export const timedOut = (verb: Verb, kind: string, cause?: unknown): ClusterError =>
  new ClusterError('timeout', `${verb} ${kind}: no answer in time; it may have happened`, { cause });

const keyOf = (verb: Verb, kind: string): string => `${verb} ${kind}`;

/** Waits until the signal aborts or the deadline passes, then throws `timeout`. */
const hang = (clock: Clock, verb: Verb, kind: string, signal: AbortSignal | undefined): Promise<never> =>
  clock.sleep(deadlineMs, signal).then(
    () => Promise.reject(timedOut(verb, kind)),
    (cause: unknown) => Promise.reject(timedOut(verb, kind, cause)),
  );

/** Counts calls and lets chosen ones go wrong. */
export const createTrouble = (clock: Clock) => {
  const planned = new Map<string, Fault[]>();
  const counts = new Map<string, number>();

  const faults: Faults = {
    next(verb, kind, fault) {
      const key = keyOf(verb, kind);
      planned.set(key, [...(planned.get(key) ?? []), fault]);
    },
  };
  const calls: Calls = {
    count: (verb, kind) => counts.get(keyOf(verb, kind)) ?? 0,
    all: () => Object.fromEntries(counts),
    total: () => [...counts.values()].reduce((sum, n) => sum + n, 0),
    reset: () => counts.clear(),
  };

  /** Carries out `work` as one counted call, with the fault planned for it, if any. */
  const around = async <T>(verb: Verb, kind: string, signal: AbortSignal | undefined, work: () => T): Promise<T> => {
    const key = keyOf(verb, kind);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    const fault = planned.get(key)?.shift();
    if (fault?.do === 'fail') throw fault.error;
    if (fault?.do === 'hang') return hang(clock, verb, kind, signal);
    if (fault?.do === 'delay') await clock.sleep(fault.ms, signal).catch((cause: unknown) => Promise.reject(timedOut(verb, kind, cause)));
    if (signal?.aborted) throw timedOut(verb, kind, signal.reason);
    const result = work();
    if (fault?.do === 'lose') throw timedOut(verb, kind);
    return result;
  };

  return { faults, calls, around };
};
