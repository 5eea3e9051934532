import { createHash } from 'node:crypto';
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../clock.ts';
import { longestDelayMs, MessageTooLarge, type Message } from '../queue/port.ts';
import { queueOf, type QueueName, type QueueUrls } from './queues.ts';
import { jsonText, largestBody, largestRequest } from './text.ts';

const mostEntries = 10;
const mostTries = 3;
const firstPauseMs = 100;

/** SQS answered, but would not take some of the messages; those are named, the others are in the queue. */
class SendRefused extends Error {
  override readonly name = 'SendRefused';
  readonly ids: readonly string[];
  constructor(queue: string, refused: readonly { readonly id: string; readonly why: string }[]) {
    super(`queue ${queue}: did not take ${refused.map(({ id, why }) => `${id.slice(0, 200)} (${why})`).join(', ')}`);
    this.ids = refused.map(({ id }) => id);
  }
}

/** One message ready to go. `id` is that of the message; `bytes` counts attributes too. */
export interface Parcel {
  readonly id: string;
  readonly queue: QueueName;
  readonly bytes: number;
  readonly entry: Omit<SendMessageBatchRequestEntry, 'Id'>;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Group ids have at most 128 characters of a few kinds; names of documents may be longer. */
const groupOf = (text: string): string => (/^[!-~]{1,128}$/.test(text) ? text : sha256(text));

/**
 * A message as SQS takes it. `fresh` makes it another one for the deduplication of FIFO queues, which would otherwise drop what was
 * sent in the last five minutes. Throws MessageTooLarge.
 */
export const parcelOf = (message: Message, delayMs = 0, fresh = ''): Parcel => {
  const delaySeconds = Math.ceil(Math.min(Math.max(0, delayMs), longestDelayMs) / 1_000);
  const queue = queueOf(message, delaySeconds);
  const body = jsonText(message);
  const bytes = Buffer.byteLength(body);
  if (bytes > largestBody) throw new MessageTooLarge(message.id, bytes, largestBody);
  const placed = queue === 'inputs' ? { MessageGroupId: groupOf(message.group ?? message.id), MessageDeduplicationId: sha256(`${message.id}${fresh}`) } : { DelaySeconds: delaySeconds };
  return { id: message.id, queue, bytes, entry: { MessageBody: body, ...placed } };
};

/** Sends in as few requests as the limits allow, in order for each queue. Throws SendRefused once some were refused for good. */
export const sendParcels = async (client: SQSClient, urls: QueueUrls, clock: Clock, parcels: readonly Parcel[]): Promise<void> => {
  const queues = [...new Set(parcels.map(({ queue }) => queue))];
  await Promise.all(
    queues.map(async (queue) => {
      for (const batch of batchesOf(parcels.filter((parcel) => parcel.queue === queue))) await sendBatch(client, queue, urls[queue], clock, batch);
    }),
  );
};

const batchesOf = (parcels: readonly Parcel[]): readonly (readonly Parcel[])[] => {
  const batches: Parcel[][] = [];
  let bytes = 0;
  for (const parcel of parcels) {
    const last = batches.at(-1);
    if (last === undefined || last.length === mostEntries || bytes + parcel.bytes > largestRequest) {
      batches.push([parcel]);
      bytes = parcel.bytes;
    } else {
      last.push(parcel);
      bytes += parcel.bytes;
    }
  }
  return batches;
};

const sendBatch = async (client: SQSClient, queue: QueueName, url: string, clock: Clock, batch: readonly Parcel[]): Promise<void> => {
  let left = batch;
  for (let tries = 1; ; tries++) {
    const { Failed: failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: left.map(({ entry }, at) => ({ Id: String(at), ...entry })) }));
    if (failed.length === 0) return;
    const refused = failed.map(({ Id, Code, Message, SenderFault }) => ({ parcel: left[Number(Id)], why: Message ?? Code ?? 'no reason given', forGood: SenderFault === true }));
    if (tries === mostTries || refused.some(({ forGood }) => forGood)) throw new SendRefused(queue, refused.map(({ parcel, why }) => ({ id: parcel?.id ?? '?', why })));
    await clock.sleep(firstPauseMs * 2 ** (tries - 1));
    left = refused.flatMap(({ parcel }) => (parcel === undefined ? [] : [parcel]));
  }
};
