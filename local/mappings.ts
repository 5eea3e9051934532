import type { Message as SqsMessage, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchItemFailure, SQSRecord } from 'aws-lambda';
import type { Json } from '../events/input.ts';
import type { LocalFunction } from './function.ts';
import type { Invoked } from './runtime-api.ts';

export interface MappingOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly function: LocalFunction;
  /** 1 to 10 messages an invocation. */
  readonly batchSize: number;
  /** The most batches at a time. A batch is only received when its function has a process for it. */
  readonly concurrency: number;
  readonly onError?: (error: unknown) => void;
}

export interface Mapping {
  /** Messages that were received, their repetitions included. */
  received(): number;
  /** Receives no more; resolves when the batches under way are done. */
  stop(): Promise<void>;
}

/** SQS's longest, so that an empty queue costs three requests a minute and poller. */
const waitSeconds = 20;
const afterErrorMs = 1_000;

const recordOf = (message: SqsMessage, queueArn: string): SQSRecord => ({
  messageId: message.MessageId ?? '',
  receiptHandle: message.ReceiptHandle ?? '',
  body: message.Body ?? '',
  attributes: (message.Attributes ?? {}) as unknown as SQSRecord['attributes'],
  messageAttributes: Object.fromEntries(
    Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue, BinaryValue, DataType = 'String' }]) => [
      name,
      {
        ...(StringValue === undefined ? {} : { stringValue: StringValue }),
        ...(BinaryValue === undefined ? {} : { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
        stringListValues: [],
        binaryListValues: [],
        dataType: DataType,
      },
    ]),
  ),
  md5OfBody: message.MD5OfBody ?? '',
  eventSource: 'aws:sqs',
  eventSourceARN: queueArn,
  awsRegion: queueArn.split(':')[3] ?? '',
});

/**
 * The messages of a batch that are done, by what the function answered (ReportBatchItemFailures): none when it failed or named a
 * message that is not in the batch, all when it answered nothing.
 */
export const doneOf = (ids: readonly string[], result: Invoked): readonly string[] => {
  if (!result.ok) return [];
  const { payload } = result;
  const failures = typeof payload === 'object' && payload !== null && 'batchItemFailures' in payload ? (payload['batchItemFailures'] as readonly SQSBatchItemFailure[] | null) : null;
  if (failures === null) return ids;
  const failed = new Set(failures.map(({ itemIdentifier }) => itemIdentifier));
  return [...failed].every((id) => ids.includes(id)) ? ids.filter((id) => !failed.has(id)) : [];
};

/**
 * An event source mapping from a queue to a function as Lambda has it: long polls, invokes with what came, deletes what was done and
 * leaves the rest to the queue's visibility time-out. Exclusion within FIFO groups is the queue's doing.
 */
export const startMapping = async ({ client, queueUrl, queueArn, function: target, batchSize, concurrency, onError }: MappingOptions): Promise<Mapping> => {
  const { DeleteMessageBatchCommand, ReceiveMessageCommand } = await import('@aws-sdk/client-sqs');
  const stopping = new AbortController();
  let received = 0;

  const receive = async (): Promise<readonly SqsMessage[]> => {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: batchSize, WaitTimeSeconds: waitSeconds, MessageSystemAttributeNames: ['All'], MessageAttributeNames: ['All'] }),
      { abortSignal: stopping.signal },
    );
    received += Messages.length;
    return Messages;
  };

  const handle = async (messages: readonly SqsMessage[]): Promise<void> => {
    const records = messages.map((message) => recordOf(message, queueArn));
    const result = await target.invoke({ Records: records } as unknown as Json);
    const done = new Set(doneOf(records.map(({ messageId }) => messageId), result));
    const entries = records.filter(({ messageId }) => done.has(messageId)).map(({ receiptHandle }, at) => ({ Id: String(at), ReceiptHandle: receiptHandle }));
    if (entries.length > 0) await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
  };

  const poll = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        const messages = await receive();
        if (messages.length > 0) await handle(messages);
      } catch (error) {
        if (stopping.signal.aborted) return;
        onError?.(error);
        await new Promise((resolve) => setTimeout(resolve, afterErrorMs));
      }
    }
  };

  const polling = Array.from({ length: concurrency }, poll);
  return {
    received: () => received,
    async stop() {
      stopping.abort();
      await Promise.all(polling);
    },
  };
};
