import type { SQSClient } from '@aws-sdk/client-sqs';
import type { DeployedQueue } from './deployed.ts';

export interface CreatedQueue {
  readonly url: string;
  readonly arn: string;
}

/**
 * Makes the queues on an emulator, by their ids. Their URLs lead to `endpoint`, because emulators name themselves by hosts that
 * not every machine resolves.
 */
export const createQueues = async (client: SQSClient, endpoint: string, queues: readonly DeployedQueue[]): Promise<Readonly<Record<string, CreatedQueue>>> => {
  const { CreateQueueCommand, GetQueueAttributesCommand } = await import('@aws-sdk/client-sqs');
  const created: Record<string, CreatedQueue> = {};
  for (const { id, name, attributes, redrive } of queues) {
    const policy = redrive === undefined ? {} : { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: created[redrive.to]?.arn, maxReceiveCount: redrive.maxReceiveCount }) };
    const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: { ...attributes, ...policy } }));
    const url = `${endpoint}${new URL(QueueUrl).pathname}`;
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] }));
    created[id] = { url, arn: Attributes?.['QueueArn'] ?? '' };
  }
  return created;
};
