import type { Millis } from '../events/input.ts';

/** The only source of time outside the pure core, so that tests can hold it. */
export interface Clock {
  now(): Millis;
  /** Calls back once at `at` (or as soon as possible after); the disposer cancels it. */
  at(at: Millis, callback: () => void): () => void;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Longest delay `setTimeout` takes; longer waits are cut into pieces. */
const longestTimeout = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  at(at, callback) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const left = at - Date.now();
      timer = left > longestTimeout ? setTimeout(arm, longestTimeout) : setTimeout(callback, Math.max(0, left));
    };
    arm();
    return () => clearTimeout(timer);
  },
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
