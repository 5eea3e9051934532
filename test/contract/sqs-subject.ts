import { randomUUID } from 'node:crypto';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../../infra/clock.ts';
import { systemClock } from '../../infra/clock.ts';
import type { QueueName, QueueUrls } from '../../infra/sqs/queues.ts';
import { sqsQueue, type SqsQueue } from '../../infra/sqs/queue.ts';
import type { QueuePromises, QueueSubject } from './queue-subject.ts';

/**
 * What SQS promises, as far as every emulator keeps to it. The receipt of an earlier receiver may count still, which harms nothing:
 * whoever acknowledges has handled the message.
 */
export const sqsPromises: QueuePromises = {
  drops: ['input', 'announcement'],
  remembers: 'five-minutes',
  groups: ['input', 'announcement'],
  groupsTogether: true,
  tellsStale: [],
  // A character outside the basic plane takes twelve bytes of the message.
  keepsText: [300_000, 1_048_576],
  // LocalStack looks at its clock once a second.
  lateMs: 2_000,
  heldTime: false,
};

/** Five queues of their own, as the template makes them, but for the visibility that each `receive` names itself. */
export const createQueues = async (client: SQSClient, endpoint: string, name = `sluice-${randomUUID()}`): Promise<QueueUrls> => {
  const create = async (queue: string, fifo: boolean): Promise<string> => {
    const { QueueUrl: url } = await client.send(new CreateQueueCommand({ QueueName: `${name}-${queue}${fifo ? '.fifo' : ''}`, Attributes: fifo ? fifoAttributes : {} }));
    if (url === undefined) throw new Error(`queue ${queue} was not made`);
    // Emulators name hosts that are none, or that only a DNS server elsewhere knows.
    return `${endpoint}${/^https?:\/\/[^/]+(\/.+)$/.exec(url)?.[1] ?? ''}`;
  };
  const [inputs, urgent, wakes, dead, deadFifo] = await Promise.all([create('inputs', true), create('urgent', false), create('wakes', false), create('dead', false), create('dead', true)]);
  return { inputs, urgent, wakes, dead, deadFifo } satisfies Record<QueueName, string>;
};

const fifoAttributes = { FifoQueue: 'true', DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' };

/** A client for an emulator, which believes any credentials. */
export const clientOf = (endpoint: string): SQSClient => new SQSClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 2 });

export interface SqsSubject extends QueueSubject {
  readonly queue: SqsQueue;
  readonly urls: QueueUrls;
  readonly client: SQSClient;
}

/** Makes subjects of queues on the SQS at `endpoint`, where time really passes unless told otherwise. */
export const sqsSubject =
  (endpoint: string, { clock = systemClock, pass = (ms: number) => clock.sleep(ms), client: make = clientOf }: { clock?: Clock; pass?: QueueSubject['pass']; client?: typeof clientOf } = {}) =>
  async (): Promise<SqsSubject> => {
    const client = make(endpoint);
    const urls = await createQueues(client, endpoint);
    return { queue: sqsQueue({ client, urls, clock }), pass, urls, client };
  };
