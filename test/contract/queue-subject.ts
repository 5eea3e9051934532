import type { Delivery, Message, Queue } from '../../infra/queue/port.ts';

/** A queue under test and the time it lives in: `pass` moves a held clock, or really waits. */
export interface QueueSubject {
  readonly queue: Queue;
  pass(ms: number): Promise<void>;
}

/** The suite thinks in whole seconds, because some queues know no finer delay. */
export const second = 1_000;

/** The one message that must be there. */
export const receiveOne = async (queue: Queue, lane: Message['lane'] = 'normal', visibilityMs = 2 * second): Promise<Delivery> => {
  const [delivery, ...more] = await queue.receive(lane, 1, visibilityMs);
  if (delivery === undefined || more.length > 0) throw new Error(`received ${more.length + (delivery === undefined ? 0 : 1)} messages, must be 1`);
  return delivery;
};
