import type { DocumentId, Millis } from '../../events/input.ts';
import type { Clock } from '../clock.ts';
import type { Document } from '../../statemachines/document.ts';
import { longestDelayMs, type Message, type Queue } from '../queue/port.ts';
import type { Store } from '../store/port.ts';

/** Documents that one tick wakes at the most; the next one takes the rest. */
const batch = 500;

/**
 * Wakes every document that is due. Asks the store only for what is due, so its cost does not grow with the number of releases.
 * The id names the moment, so two ticks at once wake a document once. Returns how many were due.
 */
export const tick = async (store: Store, queue: Queue, clock: Clock): Promise<number> => {
  const due = await store.due(clock.now(), batch);
  const messages = due.map(({ id, wakeAt }) => wakeMessage(id, wakeAt));
  if (messages.length > 0) await queue.send(messages);
  return due.length;
};

/** Names the message that wakes a document at a moment. */
export const wakeId = (document: DocumentId, wakeAt: Millis): string => `wake/${document}/${wakeAt}`;

const wakeMessage = (document: DocumentId, wakeAt: Millis): Message => ({ id: wakeId(document, wakeAt), lane: 'normal', group: document, body: { type: 'wake', document } });

/**
 * Where nothing runs between events, a document that goes quiet sends itself the message that wakes it. What is due later than a queue
 * can delay is left to the tick, and so is what could not be sent: the moment stands in the store.
 */
export const wakeLater = async (queue: Queue, clock: Clock, { id, wakeAt }: Document): Promise<void> => {
  if (wakeAt === undefined) return;
  const delayMs = Math.max(0, wakeAt - clock.now());
  if (delayMs <= longestDelayMs) await queue.send([wakeMessage(id, wakeAt)], delayMs);
};

export interface Sleeper {
  /** Something was saved that may be due earlier than what is slept for. */
  nudge(): void;
  stop(): void;
}

/** Sleeps until the earliest document is due, wakes it, and sleeps again: no polling, and nothing missed that was due before a start. */
export const sleeper = (store: Store, queue: Queue, clock: Clock, onError: (error: unknown) => void): Sleeper => {
  let cancel: (() => void) | undefined;
  let running = false;
  let again = false;
  let stopped = false;
  /** Woken already and not saved since: asking for them again at once would spin. */
  const settleMs = 250;

  const round = async (): Promise<void> => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      const woken = await tick(store, queue, clock);
      const next = await store.nextWake();
      if (stopped || next === undefined) return;
      cancel?.();
      cancel = clock.at(Math.max(next, woken > 0 ? clock.now() + settleMs : next), () => void round());
    } catch (error) {
      onError(error);
      cancel?.();
      if (!stopped) cancel = clock.at(clock.now() + 1_000, () => void round());
    } finally {
      running = false;
      if (again && !stopped) {
        again = false;
        void round();
      }
    }
  };

  void round();
  return {
    nudge: () => void round(),
    stop: () => {
      stopped = true;
      cancel?.();
    },
  };
};
