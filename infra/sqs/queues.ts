import type { Message } from '../queue/port.ts';

/** The queues that messages are received from; `dead` and `deadFifo` hold what could not be handled. */
export type LiveQueue = 'inputs' | 'urgent' | 'wakes';
export type QueueName = LiveQueue | 'dead' | 'deadFifo';

/** Where each queue is. `inputs` and `deadFifo` are FIFO queues, the others standard ones without a delay of their own. */
export type QueueUrls = Readonly<Record<QueueName, string>>;

/** The queues of a lane. */
export const lanes = { urgent: ['urgent'], normal: ['inputs', 'wakes'] } as const satisfies Record<Message['lane'], readonly LiveQueue[]>;

/**
 * The queue a message travels by. A FIFO queue can delay no single message, and would drop the second wake of a moment for five
 * minutes even when the first has been handled; so both go by a standard queue.
 */
export const queueOf = ({ lane, body }: Message, delaySeconds: number): LiveQueue => {
  if (lane === 'urgent') return 'urgent';
  return delaySeconds > 0 || body.type === 'wake' ? 'wakes' : 'inputs';
};

/** Which of the queues an ARN such as `arn:aws:sqs:eu-west-1:123456789012:sluice-inputs.fifo` names; undefined when none. */
export const queueOfArn = (urls: QueueUrls, arn: string): LiveQueue | undefined => {
  const name = arn.split(':').at(-1);
  return (['inputs', 'urgent', 'wakes'] as const).find((queue) => urls[queue].split('/').at(-1) === name);
};
