import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { startFauxqs, type FauxqsServer } from 'fauxqs';
import { batchHandler } from '../../../functions/aws/batch.ts';
import type { Clock } from '../../../infra/clock.ts';
import type { ManualClock } from '../../../infra/cluster/sandbox/manual-clock.ts';
import { dynamoStore } from '../../../infra/dynamodb/store.ts';
import { lanes } from '../../../infra/sqs/queues.ts';
import { sqsQueue, type SqsQueue } from '../../../infra/sqs/queue.ts';
import { readMessage } from '../../../infra/sqs/schema.ts';
import { clientOf, createQueues } from '../../contract/sqs-subject.ts';
import { aContext, aRecord } from '../../fixtures/aws-events.ts';
import { startEmulator, type Emulator } from '../../fixtures/dynalite.ts';
import { meddledClient } from '../../fixtures/meddled-client.ts';
import type { Backing, Tier } from './tier.ts';

const silent = { log: () => undefined, flush: () => Promise.resolve(), close: () => Promise.resolve() };
const visibilityMs = 20_000;

interface Emulators {
  readonly dynamo: Emulator;
  readonly sqs: FauxqsServer;
  readonly client: SQSClient;
}

let started: Promise<Emulators> | undefined;
const emulators = (): Promise<Emulators> =>
  (started ??= (async () => {
    const [dynamo, sqs] = await Promise.all([startEmulator(), startFauxqs({ port: 0, host: '127.0.0.1', logger: false })]);
    const client = clientOf(sqs.address);
    // This SQS is one server: a short poll sees all there is, so nobody need wait for nothing.
    client.middlewareStack.add((next) => (args) => next({ ...args, input: { ...args.input, ...('WaitTimeSeconds' in args.input ? { WaitTimeSeconds: 0 } : {}) } }), { step: 'initialize' });
    return { dynamo, sqs, client };
  })());

/** Ends what the worlds of this tier shared. */
export const closeEmulators = async (): Promise<void> => {
  const running = await started;
  started = undefined;
  running?.client.destroy();
  await Promise.all([running?.dynamo.close(), running?.sqs.stop()]);
};

const systemNow = Date.now;
const nameOf = (url: string): string => url.split('/').at(-1) ?? '';

/** Whoever sleeps in the middle of an invocation lets the time of the whole world pass. */
const sleepless = (clock: ManualClock): Clock => ({ ...clock, sleep: (ms) => Promise.resolve(clock.advance(ms)) });

/** The functions as Lambda calls them, over emulators of DynamoDB and SQS in this process. */
export const aws: Tier = {
  name: 'aws',
  visibilityMs,
  grainMs: 1_000,
  tickEveryMs: 60_000,
  async open(clock): Promise<Backing> {
    const { dynamo, sqs, client } = await emulators();
    const [table, urls] = await Promise.all([dynamo.table(), createQueues(client, sqs.address)]);
    // The emulator of SQS asks the process what time it is.
    Date.now = () => clock.now();
    const time = sleepless(clock);
    const queue = sqsQueue({ client, urls, clock: time });

    const waits = (url: string): boolean => {
      const { ready = [], delayed = [], inflight = [] } = sqs.inspectQueue(nameOf(url))?.messages ?? {};
      return ready.length > 0 || delayed.some(({ delayUntil = 0 }) => delayUntil <= clock.now()) || inflight.some(({ visibilityDeadline }) => visibilityDeadline <= clock.now());
    };

    return {
      store: dynamoStore({ client: dynamo.client, table, clock: time }),
      queue,
      // Each function has a memory of its own, and this one is always cold.
      storeOf: (request, its) => dynamoStore({ client: meddledClient(dynamo.client, ({ operation, input }, pass) => request(operation, aboutItem(input), pass)), table, clock: { ...its, sleep: time.sleep } }),
      async take(lane) {
        for (const name of lanes[lane]) {
          const url = urls[name];
          if (!waits(url)) continue;
          const { Messages: [message] = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 1, VisibilityTimeout: visibilityMs / 1_000, MessageSystemAttributeNames: ['All'] }));
          if (message === undefined) continue;
          const { MessageId: messageId = '', ReceiptHandle: receiptHandle = '', Body: body = '', Attributes: attributes } = message;
          const read = readMessage(body);
          const remove = async (): Promise<void> => {
            await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: receiptHandle }));
          };
          const record = aRecord(url, { messageId, receiptHandle, body, attempts: Number(attributes?.ApproximateReceiveCount), ...(attributes?.MessageGroupId === undefined ? {} : { group: attributes.MessageGroupId }) });
          return {
            id: read.ok ? read.message.id : messageId,
            body: read.ok ? read.message.body : undefined,
            handle: async (ports) => {
              const { batchItemFailures } = await batchHandler({ ...ports, queue: ports.queue as SqsQueue, tracing: silent }, urls)({ Records: [record] }, aContext());
              if (batchItemFailures.length > 0) return false;
              await remove();
              return true;
            },
            remove,
          };
        }
        return undefined;
      },
      sendText: async (text, lane) => {
        await client.send(new SendMessageCommand({ QueueUrl: lane === 'urgent' ? urls.urgent : urls.wakes, MessageBody: text }));
      },
      async close() {
        for (const url of Object.values(urls)) sqs.deleteQueue(nameOf(url));
        await dynamo.client.send(new DeleteTableCommand({ TableName: table }));
        Date.now = systemNow;
      },
    };
  },
};

const aboutItem = (input: Readonly<Record<string, unknown>>): string => {
  const { pk, sk } = (input['Key'] ?? input['Item'] ?? {}) as { readonly pk?: { readonly S?: string }; readonly sk?: { readonly S?: string } };
  return [String(input['IndexName'] ?? ''), pk?.S ?? '', sk?.S ?? ''].filter((part) => part !== '').join(' ');
};
