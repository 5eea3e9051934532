import type { Clock } from '../../clock.ts';

/** A clock whose callbacks all end when it is closed. */
export interface ScopedClock extends Clock {
  close(): void;
}

export const scopedClock = (clock: Clock): ScopedClock => {
  const waiting = new Set<() => void>();
  return {
    now: () => clock.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    at(when, callback) {
      const cancel = clock.at(when, () => {
        waiting.delete(cancel);
        callback();
      });
      waiting.add(cancel);
      return () => {
        waiting.delete(cancel);
        cancel();
      };
    },
    close() {
      for (const cancel of waiting) cancel();
      waiting.clear();
    },
  };
};

/** Runs `reconcile` once for a key that was asked for, `delayMs` after the first asking, however often it is asked for until then. */
export const workQueue = (clock: Clock, delayMs: number, reconcile: (key: string) => void): ((key: string) => void) => {
  const waiting = new Set<string>();
  return (key) => {
    if (waiting.has(key)) return;
    waiting.add(key);
    clock.at(clock.now() + delayMs, () => {
      waiting.delete(key);
      reconcile(key);
    });
  };
};
