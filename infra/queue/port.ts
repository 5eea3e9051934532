import type { Announcement, DocumentId, Input, Millis } from '../../events/input.ts';

/** `wake` asks for a document's due timers and unfinished outbox; it carries no fact of its own. */
export type Body =
  | { readonly type: 'input'; readonly input: Input }
  | { readonly type: 'announcement'; readonly announcement: Announcement }
  | { readonly type: 'wake'; readonly document: DocumentId };

/**
 * `id` may deduplicate: a message with the id of one that is still queued in its lane (waiting, hidden or in flight), or that was sent
 * within the last five minutes, may be dropped. Only a saving: whoever handles a message must bear its copies. A `wake` is never dropped
 * for one that has been handled.
 * `lane` `urgent` is taken first and by workers of its own. `group` is the document, so that two workers seldom meet on one.
 */
export interface Message {
  readonly id: string;
  readonly lane: 'urgent' | 'normal';
  readonly group?: DocumentId;
  readonly body: Body;
}

/** One receipt of a message. `attempts` counts receipts, this one included. */
export interface Delivery {
  readonly receipt: string;
  readonly message: Message;
  readonly attempts: number;
}

export interface DeadLetter {
  readonly id: string;
  readonly at: Millis;
  readonly reason: string;
  /** The message, or the raw text that could not be understood. */
  readonly message: Message | { readonly raw: string; readonly source: string };
}

export interface Backlog {
  readonly waiting: number;
  readonly since?: Millis;
  readonly dead: number;
}

/** A message is larger than the queue can carry; the others of its `send` were not sent either. */
export class MessageTooLarge extends Error {
  override readonly name = 'MessageTooLarge';
  constructor(id: string, bytes: number, allowed: number) {
    super(`message ${id.slice(0, 200)}: found ${bytes} bytes, allowed are ${allowed}`);
  }
}

/** At-least-once delivery. Order is a courtesy: correctness comes from the version condition of the store. */
export interface Queue {
  /**
   * Resolves when the messages are durable. `delayMs` hides them for that long, or for as long as the queue can: see `longestDelayMs`.
   * Throws MessageTooLarge before anything is sent.
   */
  send(messages: readonly Message[], delayMs?: number): Promise<void>;
  /**
   * Up to `max` visible messages of the lane, hidden from others for `visibilityMs`. In the normal lane no message is given whose
   * group has another one in flight; a queue may give several of a group together, in their order, and need not hold back wakes and
   * what was delayed. The urgent lane ignores groups. Returns an empty list at once when there are none.
   */
  receive(lane: 'urgent' | 'normal', max: number, visibilityMs: number): Promise<readonly Delivery[]>;
  /**
   * Takes the message out of the queue. Like `release` and `bury` it does nothing, and says nothing, when the message is gone, or has
   * been given to somebody else since and the queue can tell.
   */
  acknowledge(delivery: Delivery): Promise<void>;
  /** Makes the message visible again after `delayMs`. */
  release(delivery: Delivery, delayMs: number): Promise<void>;
  /** Takes the message out of the queue and keeps it with the reason. */
  bury(delivery: Delivery, reason: string): Promise<void>;
  /** Keeps something that could not even be turned into a message: the first MiB of it, or what the queue can hold. */
  park(raw: string, source: string, reason: string): Promise<void>;
  deadLetters(limit: number): Promise<readonly DeadLetter[]>;
  /** Sends a dead letter again; false when there is none of that id or it is not a message. */
  redrive(id: string): Promise<boolean>;
  /** How many messages wait in both lanes, hidden ones not counted, since when the oldest does where the queue can tell, and how many dead letters there are. */
  backlog(): Promise<Backlog>;
  close(): Promise<void>;
}

/** A queue within the process, which can tell it that there is work. */
export interface ArrivalQueue extends Queue {
  /**
   * Calls `listener` whenever something may have become receivable, until the signal aborts. What is receivable already does not
   * count: listen first, then receive until nothing comes.
   */
  onArrival(listener: () => void, signal: AbortSignal): void;
}

/** The longest delay every queue can keep (SQS: 15 minutes). What is due later is found by the tick. */
export const longestDelayMs = 900_000;
