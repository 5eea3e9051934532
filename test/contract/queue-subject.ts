import type { Body, Delivery, Message, Queue } from '../../infra/queue/port.ts';

/** A queue under test and the time it lives in: `pass` moves a held clock, or really waits. */
export interface QueueSubject {
  readonly queue: Queue;
  pass(ms: number): Promise<void>;
}

/** What a queue promises where the port leaves it a choice. The suite holds it to that, and to all the rest. */
export interface QueuePromises {
  /** Bodies whose id deduplicates, and for how long: while the message is queued, or five minutes from sending, whatever became of it. */
  readonly drops: readonly Body['type'][];
  readonly remembers: 'queued' | 'five-minutes';
  /** Bodies whose groups exclude each other; and whether one `receive` may give several of a group all the same, in their order. */
  readonly groups: readonly Body['type'][];
  readonly groupsTogether: boolean;
  /** Bodies for which the receipt of an earlier receiver is told from the current one. */
  readonly tellsStale: readonly Body['type'][];
  /** Least and most bytes that are kept of a text that is too long. */
  readonly keepsText: readonly [least: number, most: number];
  /** How long after its time a message may come into view. */
  readonly lateMs: number;
  /** Whether `pass` may be asked for minutes. */
  readonly heldTime: boolean;
}

/** The suite thinks in whole seconds, because some queues know no finer delay. */
export const second = 1_000;

/** The one message that must be there. */
export const receiveOne = async (queue: Queue, lane: Message['lane'] = 'normal', visibilityMs = 2 * second): Promise<Delivery> => onlyOne(await queue.receive(lane, 1, visibilityMs));

export const onlyOne = ([delivery, ...more]: readonly Delivery[]): Delivery => {
  if (delivery === undefined || more.length > 0) throw new Error(`received ${more.length + (delivery === undefined ? 0 : 1)} messages, must be 1`);
  return delivery;
};

const document = 'release/pro/demo/1';

/** A body of each kind. */
export const bodies: Readonly<Record<Body['type'], Body>> = {
  input: { type: 'input', input: { id: 'i', document, event: { type: 'pause' }, receivedAt: 5, by: 'ann' } },
  announcement: {
    type: 'announcement',
    announcement: { id: 'p', fact: { type: 'image.pushed', image: 'registry.example.com/demo', tag: '1.0.0', digest: 'sha256:1' }, source: 'harbor', receivedAt: 5 },
  },
  wake: { type: 'wake', document },
};
