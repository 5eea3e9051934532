import { ChangeMessageVisibilityCommand, DeleteMessageCommand, GetQueueAttributesCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../clock.ts';
import type { Delivery, Queue } from '../queue/port.ts';
import { deadLetterQueues } from './dead-letters.ts';
import { isGone } from './gone.ts';
import { lanes, type LiveQueue, type QueueName, type QueueUrls } from './queues.ts';
import { readMessage } from './schema.ts';
import { parcelOf, sendParcels } from './send.ts';

/** Most messages that one request gives. */
const atOnce = 10;
/** The longest time SQS hides a message: 12 hours. */
const longestHiddenSeconds = 43_200;
/** How long a message stays hidden while it is being buried. */
const buryingMs = 20_000;

/** A message as it came out of one of the queues, by a request or into a function. `attempts` counts receipts, this one included. */
export interface Received {
  readonly queue: LiveQueue;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attempts: number;
}

export interface SqsQueue extends Queue {
  /** What was received as a delivery; undefined when it is no message of ours: then it is kept as a dead letter. */
  accept(received: Received): Promise<Delivery | undefined>;
  /** Makes what was received, and not looked at, visible again after `delayMs`. */
  giveBack(received: Received, delayMs: number): Promise<void>;
}

/** A receipt names its queue, because each queue knows only its own. */
const receiptOf = ({ queue, receiptHandle }: Received): string => `${queue}:${receiptHandle}`;
const parseReceipt = ({ receipt }: Delivery): readonly [queue: LiveQueue, receiptHandle: string] => {
  const match = /^(inputs|urgent|wakes):(.+)$/s.exec(receipt);
  if (match === null) throw new Error(`receipt "${receipt}": not of this queue, must be <queue>:<receipt handle>`);
  return [match[1] as LiveQueue, match[2] ?? ''];
};

const seconds = (ms: number): number => Math.min(longestHiddenSeconds, Math.max(0, Math.ceil(ms / 1_000)));

/**
 * The queue on Amazon SQS. Whole seconds only: delays are rounded up. Copies are dropped for five minutes in the normal lane, and
 * nowhere else. Of one group several messages may come in one `receive`, never in two; wakes and what was delayed have no groups.
 * `close` ends the client too.
 */
export const sqsQueue = ({ client, urls, clock }: { readonly client: SQSClient; readonly urls: QueueUrls; readonly clock: Clock }): SqsQueue => {
  const dead = deadLetterQueues(client, urls, clock);
  let closed = false;
  let turn = 0;

  const assertOpen = (): void => {
    if (closed) throw new Error('queue: it is closed; nothing can be sent or received any more');
  };

  /** False when the receipt is worth nothing any more. */
  const whileHeld = async (call: () => Promise<unknown>): Promise<boolean> => {
    try {
      await call();
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  };
  const hide = (queue: LiveQueue, receiptHandle: string, ms: number): Promise<boolean> =>
    whileHeld(() => client.send(new ChangeMessageVisibilityCommand({ QueueUrl: urls[queue], ReceiptHandle: receiptHandle, VisibilityTimeout: seconds(ms) })));
  const remove = (queue: LiveQueue, receiptHandle: string): Promise<boolean> =>
    whileHeld(() => client.send(new DeleteMessageCommand({ QueueUrl: urls[queue], ReceiptHandle: receiptHandle })));

  const accept = async (received: Received): Promise<Delivery | undefined> => {
    const read = readMessage(received.body);
    if (read.ok) return { receipt: receiptOf(received), message: read.message, attempts: received.attempts };
    await dead.keepText(received.body, received.queue, read.reason);
    await remove(received.queue, received.receiptHandle);
    return undefined;
  };

  const receiveFrom = async (queue: LiveQueue, max: number, visibilityMs: number): Promise<readonly Delivery[]> => {
    const deliveries: Delivery[] = [];
    while (deliveries.length < max) {
      const { Messages: messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: urls[queue],
          MaxNumberOfMessages: Math.min(atOnce, max - deliveries.length),
          VisibilityTimeout: seconds(visibilityMs),
          WaitTimeSeconds: 0,
          MessageSystemAttributeNames: ['ApproximateReceiveCount'],
        }),
      );
      if (messages.length === 0) break;
      for (const { ReceiptHandle: receiptHandle = '', Body: body = '', Attributes: attributes } of messages) {
        const delivery = await accept({ queue, receiptHandle, body, attempts: Number(attributes?.ApproximateReceiveCount ?? 1) });
        if (delivery !== undefined) deliveries.push(delivery);
      }
    }
    return deliveries;
  };

  const waitingIn = async (queue: QueueName): Promise<number> => {
    const { Attributes: attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl: urls[queue], AttributeNames: ['ApproximateNumberOfMessages'] }));
    return Number(attributes?.ApproximateNumberOfMessages ?? 0);
  };

  return {
    accept,

    giveBack: async ({ queue, receiptHandle }, delayMs) => {
      await hide(queue, receiptHandle, delayMs);
    },

    send: async (messages, delayMs = 0) => {
      assertOpen();
      await sendParcels(client, urls, clock, messages.map((message) => parcelOf(message, delayMs)));
    },

    receive: async (lane, max, visibilityMs) => {
      assertOpen();
      if (!(visibilityMs > 0)) throw new Error(`receive: visibilityMs is ${visibilityMs}, must be above 0`);
      // Each queue is asked first in turn, so that a busy one cannot keep another from being heard.
      const queues = lanes[lane].map((_, at) => lanes[lane][(at + turn) % lanes[lane].length]).filter((queue) => queue !== undefined);
      turn++;
      const deliveries: Delivery[] = [];
      for (const queue of queues) deliveries.push(...(await receiveFrom(queue, max - deliveries.length, visibilityMs)));
      return deliveries;
    },

    acknowledge: async (delivery) => {
      assertOpen();
      await remove(...parseReceipt(delivery));
    },

    release: async (delivery, delayMs) => {
      assertOpen();
      await hide(...parseReceipt(delivery), delayMs);
    },

    bury: async (delivery, reason) => {
      assertOpen();
      const receipt = parseReceipt(delivery);
      // Asked first whether it is still ours. Kept before it is removed: a crash in between leaves a copy, never a gap.
      if (!(await hide(...receipt, buryingMs))) return;
      await dead.keep(delivery.message, reason);
      await remove(...receipt);
    },

    park: async (raw, source, reason) => {
      assertOpen();
      await dead.keepText(raw, source, reason);
    },

    deadLetters: async (limit) => {
      assertOpen();
      return dead.list(limit);
    },

    redrive: async (id) => {
      assertOpen();
      return dead.redrive(id);
    },

    backlog: async () => {
      assertOpen();
      const [inputs, urgent, wakes, buried, moved] = await Promise.all([waitingIn('inputs'), waitingIn('urgent'), waitingIn('wakes'), waitingIn('dead'), waitingIn('deadFifo')]);
      return { waiting: inputs + urgent + wakes, dead: buried + moved };
    },

    close: async () => {
      if (closed) return;
      closed = true;
      client.destroy();
    },
  };
};
