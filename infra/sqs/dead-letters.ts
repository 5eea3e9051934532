import { ChangeMessageVisibilityBatchCommand, DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, type Message as SqsMessage, type SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../clock.ts';
import type { DeadLetter, Message } from '../queue/port.ts';
import type { QueueUrls } from './queues.ts';
import { readMessage, readRawText } from './schema.ts';
import { parcelOf, sendParcels } from './send.ts';
import { beginningThatFits, jsonText, readReason, reasonText } from './text.ts';

/** Long enough to read all there is; given back sooner when the reading ends. */
const readingSeconds = 20;
/** A long poll asks every server of SQS, so that nothing is missed; a short one asks some. */
const pollSeconds = 1;
const atOnce = 10;
/** Letters that are looked through for one of them. */
const mostSearched = 5_000;
const queues = ['dead', 'deadFifo'] as const;

interface Found {
  readonly url: string;
  readonly received: SqsMessage;
}

/** The two queues of what could not be handled: ours, and the one that SQS itself moves inputs to which no worker ever ended. */
export interface DeadLetterQueues {
  /** Keeps a message with the reason. */
  keep(message: Message, reason: string): Promise<void>;
  /** Keeps as much of a text as fits; the reason says how much that is. */
  keepText(raw: string, source: string, reason: string): Promise<void>;
  /** Newest first. Hides the letters from other readers meanwhile; of one group in the FIFO queue only the first few can be seen. */
  list(limit: number): Promise<readonly DeadLetter[]>;
  redrive(id: string): Promise<boolean>;
}

export const deadLetterQueues = (client: SQSClient, urls: QueueUrls, clock: Clock): DeadLetterQueues => {
  const send = async (body: string, reason: string): Promise<void> => {
    await client.send(new SendMessageCommand({ QueueUrl: urls.dead, MessageBody: body, MessageAttributes: { reason: { DataType: 'String', StringValue: reasonText(reason) } } }));
  };

  /** Reads one queue until it is empty, `enough` have been found, or `wanted` is among them. */
  const read = async (url: string, enough: number, wanted?: string): Promise<readonly Found[]> => {
    const found: Found[] = [];
    while (found.length < enough) {
      const { Messages: messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: url,
          MaxNumberOfMessages: Math.min(atOnce, enough - found.length),
          VisibilityTimeout: readingSeconds,
          WaitTimeSeconds: pollSeconds,
          MessageAttributeNames: ['reason'],
          MessageSystemAttributeNames: ['SentTimestamp'],
        }),
      );
      found.push(...messages.map((received) => ({ url, received })));
      if (messages.length === 0 || messages.some(({ MessageId }) => MessageId === wanted)) break;
    }
    return found;
  };

  const giveBack = async (found: readonly Found[]): Promise<void> => {
    for (const url of new Set(found.map((one) => one.url))) {
      const ofQueue = found.filter((one) => one.url === url);
      for (let at = 0; at < ofQueue.length; at += atOnce) {
        const Entries = ofQueue.slice(at, at + atOnce).map(({ received }, n) => ({ Id: String(n), ReceiptHandle: received.ReceiptHandle, VisibilityTimeout: 0 }));
        await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }));
      }
    }
  };

  const readAll = async (enough: number, wanted?: string): Promise<readonly Found[]> => (await Promise.all(queues.map((queue) => read(urls[queue], enough, wanted)))).flat();

  return {
    keep: (message, reason) => send(jsonText(message), reason),

    keepText: (raw, source, reason) => {
      const spell = (text: string): string => jsonText({ raw: text, source });
      const kept = beginningThatFits(raw, spell);
      return send(spell(kept), kept.length === raw.length ? reason : `${reason} (kept are the first ${kept.length} of ${raw.length} characters)`);
    },

    list: async (limit) => {
      const found = await readAll(limit);
      await giveBack(found);
      return found
        .map(({ received }) => letterOf(received))
        .toSorted((a, b) => b.at - a.at)
        .slice(0, limit);
    },

    redrive: async (id) => {
      const found = await readAll(mostSearched, id);
      const wanted = found.find(({ received }) => received.MessageId === id);
      const message = wanted === undefined ? undefined : letterOf(wanted.received).message;
      const sendable = message !== undefined && 'lane' in message ? message : undefined;
      await giveBack(found.filter((one) => one !== wanted || sendable === undefined));
      if (wanted === undefined || sendable === undefined) return false;
      await sendParcels(client, urls, clock, [parcelOf(sendable, 0, `>${id}`)]);
      await client.send(new DeleteMessageCommand({ QueueUrl: wanted.url, ReceiptHandle: wanted.received.ReceiptHandle }));
      return true;
    },
  };
};

const letterOf = ({ MessageId: id = '', Body: body = '', Attributes: attributes = {}, MessageAttributes: given = {} }: SqsMessage): DeadLetter => {
  const read = readMessage(body);
  const reason = given['reason']?.StringValue;
  return {
    id,
    at: Number(attributes.SentTimestamp ?? 0),
    reason: reason === undefined ? 'it was received again and again, and no worker came to an end with it' : readReason(reason),
    message: read.ok ? read.message : (readRawText(body) ?? { raw: body, source: 'queue' }),
  };
};
