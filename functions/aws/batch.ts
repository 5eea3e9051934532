import type { Context, SQSBatchResponse, SQSRecord } from 'aws-lambda';
import type { Queue } from '../../infra/queue/port.ts';
import { queueOfArn, type QueueUrls } from '../../infra/sqs/queues.ts';
import type { Received } from '../../infra/sqs/queue.ts';
import { spelled } from '../../infra/worker/telling.ts';
import { wakeLater } from '../../infra/worker/wake.ts';
import { handleDelivery } from '../../infra/worker/worker.ts';
import { ForeignEvent, sqsEvent } from './events.ts';
import type { AwsPorts } from './ports.ts';
import { watchWakes } from './wakes.ts';

/**
 * The longest an effect may take and a save after it. A message that is begun with less may be cut off by the end of the function, which
 * harms nothing, but brings back the whole batch.
 */
const leastMs = 11_000;
/** When what was not begun is to come again. */
const soonMs = 1_000;

/**
 * A batch of messages. Those of one group are handled in their order, groups beside each other. What failed is reported, so that Lambda
 * does not delete it, and with it what follows it in its group, untouched. Throws for what is no batch of our queues: then
 * nothing is deleted.
 */
export const batchHandler = (ports: AwsPorts, urls: QueueUrls) => async (event: unknown, context: Context): Promise<SQSBatchResponse> => {
  const items = sqsEvent(event).Records.map((record): Item => ({ id: record.messageId, group: record.attributes.MessageGroupId ?? record.messageId, received: receivedOf(record, urls) }));
  const failed: string[] = [];
  await Promise.all(
    [...Map.groupBy(items, ({ group }) => group).values()].map(async (group) => {
      const left = await handleGroup(ports, group, () => context.getRemainingTimeInMillis() >= leastMs);
      failed.push(...left.map(({ id }) => id));
    }),
  );
  await ports.tracing.flush();
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
};

interface Item {
  readonly id: string;
  readonly group: string;
  readonly received: Received;
}

const receivedOf = ({ eventSourceARN, receiptHandle, body, attributes }: SQSRecord, urls: QueueUrls): Received => {
  const queue = queueOfArn(urls, eventSourceARN);
  if (queue === undefined) throw new ForeignEvent('messages of the queues inputs, urgent and wakes', { Records: [{ eventSource: eventSourceARN }] });
  return { queue, receiptHandle, body, attempts: Number(attributes.ApproximateReceiveCount) };
};

/** Returns what was not done: the first that failed and all after it, or all from where time ran out. */
const handleGroup = async (ports: AwsPorts, group: readonly Item[], timeIsLeft: () => boolean): Promise<readonly Item[]> => {
  for (const [at, { received }] of group.entries()) {
    if (!timeIsLeft()) {
      await giveBack(ports, group.slice(at), soonMs);
      return group.slice(at);
    }
    const outcome = await handleReceived(ports, received);
    if (outcome.done) continue;
    // The first of a group comes again only when nothing of it is in flight any more.
    await giveBack(ports, group.slice(at + 1), outcome.againInMs);
    return group.slice(at);
  }
  return [];
};

const giveBack = async ({ queue, tracing }: AwsPorts, items: readonly Item[], delayMs: number): Promise<void> => {
  // A courtesy: what is not given back comes again by itself, only later.
  await Promise.all(items.map(({ received }) => queue.giveBack(received, delayMs).catch((error: unknown) => tracing.log('warn', 'message not given back', { reason: spelled(error) }))));
};

type Handled = { readonly done: true } | { readonly done: false; readonly againInMs: number };

const handleReceived = async (ports: AwsPorts, received: Received): Promise<Handled> => {
  const { queue, clock, tracing } = ports;
  const wakes = watchWakes(ports.store);
  let againInMs: number | undefined;
  try {
    const delivery = await queue.accept(received);
    if (delivery === undefined) return { done: true };
    const own: Queue = {
      ...queue,
      // Lambda deletes what is not reported as failed.
      acknowledge: () => Promise.resolve(),
      release: (one, delayMs) => {
        againInMs = delayMs;
        return queue.release(one, delayMs);
      },
    };
    const document = await handleDelivery({ ...ports, queue: own, store: wakes.store }, delivery);
    if (document !== undefined && wakes.owed(document, delivery.message, clock.now()))
      await wakeLater(queue, clock, document).catch((error: unknown) => tracing.log('warn', 'no wake was sent, so the tick will', { document: document.id, reason: spelled(error) }));
  } catch (error) {
    // Not even giving it back worked. It comes again when its visibility ends.
    tracing.log('error', 'message not handled', { reason: spelled(error) });
    againInMs ??= soonMs;
  }
  return againInMs === undefined ? { done: true } : { done: false, againInMs };
};
