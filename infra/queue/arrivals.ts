import type { Millis } from '../../events/input.ts';
import type { Clock } from '../clock.ts';

/** Tells listeners that something may have become receivable: when told so, and when what is hidden comes into view. */
export interface Arrivals {
  /** Something is receivable from now on. */
  now(): void;
  /** Something is hidden until `at`. */
  hidden(at: Millis): void;
  listen(listener: () => void, signal: AbortSignal): void;
  close(): void;
}

/** What the queue knows of its hidden messages. */
export interface Hidden {
  /** Whether any message is in view at `now`. */
  anyVisible(now: Millis): boolean;
  /** When the next one comes into view after `now`. */
  nextVisible(now: Millis): Millis | undefined;
}

/** Listeners and one alarm at the earliest moment known; while nobody listens there is no alarm. */
export const arrivals = (clock: Clock, messages: Hidden): Arrivals => {
  const listeners = new Set<() => void>();
  let alarm: { readonly at: Millis; readonly cancel: () => void } | undefined;
  let telling = false;

  const tell = (): void => {
    if (telling || listeners.size === 0) return;
    telling = true;
    // After the promises of the whole commit, so that a batch of messages tells once.
    queueMicrotask(() => {
      telling = false;
      for (const listener of listeners) listener();
    });
  };

  const disarm = (): void => {
    alarm?.cancel();
    alarm = undefined;
  };

  const arm = (at: Millis | undefined): void => {
    if (at === undefined || listeners.size === 0 || (alarm !== undefined && alarm.at <= at)) return;
    disarm();
    alarm = { at, cancel: clock.at(at, ring) };
  };

  const ring = (): void => {
    alarm = undefined;
    const now = clock.now();
    if (messages.anyVisible(now)) tell();
    arm(messages.nextVisible(now));
  };

  return {
    now: tell,
    hidden: arm,
    listen: (listener, signal) => {
      if (signal.aborted) return;
      // Wrapped, so that one function given twice is two listeners.
      const own = (): void => {
        if (!signal.aborted) listener();
      };
      listeners.add(own);
      const stop = (): void => {
        listeners.delete(own);
        if (listeners.size === 0) disarm();
      };
      signal.addEventListener('abort', stop, { once: true });
      arm(messages.nextVisible(clock.now()));
    },
    close: () => {
      listeners.clear();
      disarm();
    },
  };
};
