import type { Clock } from '../../clock.ts';

/** A clock that stands still until it is told to go on. */
export interface ManualClock extends Clock {
  /** Moves `ms` milliseconds on; every callback due on the way runs at its own moment, in order, before this returns. */
  advance(ms: number): void;
  /** How many callbacks are waiting. */
  waiting(): number;
}

/** `start` is in milliseconds since the epoch. Callbacks due at the same moment run in the order they were asked for. */
export const manualClock = (start = Date.UTC(2026, 0, 1)): ManualClock => {
  let now = start;
  let order = 0;
  const waiting = new Map<number, { readonly at: number; readonly callback: () => void }>();

  const at = (when: number, callback: () => void): (() => void) => {
    const id = order++;
    waiting.set(id, { at: Math.max(when, now), callback });
    return () => void waiting.delete(id);
  };

  return {
    now: () => now,
    at,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const refuse = (): void => {
          cancel();
          reject(signal?.reason as Error);
        };
        const cancel = at(now + ms, () => {
          signal?.removeEventListener('abort', refuse);
          resolve();
        });
        if (signal?.aborted) refuse();
        else signal?.addEventListener('abort', refuse, { once: true });
      }),
    advance(ms) {
      const end = now + ms;
      for (;;) {
        let next: [number, { readonly at: number; readonly callback: () => void }] | undefined;
        for (const entry of waiting) if (entry[1].at <= end && (!next || entry[1].at < next[1].at)) next = entry;
        if (!next) break;
        waiting.delete(next[0]);
        now = Math.max(now, next[1].at);
        next[1].callback();
      }
      now = end;
    },
    waiting: () => waiting.size,
  };
};
