import { systemClock } from '../../infra/clock.ts';
import { queueContract } from '../contract/queue.ts';
import type { QueueSubject } from '../contract/queue-subject.ts';
import { sqsPromises, sqsSubject } from '../contract/sqs-subject.ts';

// The queue port on LocalStack's SQS, where time really passes.

const endpoint = process.env['SLUICE_LOCALSTACK'];
if (!endpoint) throw new Error('SLUICE_LOCALSTACK is not set: start these tests by test/real/run');

/** LocalStack looks once a second at what became visible, so here all times are longer, and what must be visible is waited for a look longer. */
const slower = 2;
const lookMs = 1_200;

const subject = sqsSubject(endpoint);
// It takes the receipt of an earlier receiver for as long as the message is there, in FIFO queues too, where SQS does not.
queueContract('SQS (LocalStack)', { ...sqsPromises, tellsStale: [] }, async (): Promise<QueueSubject> => {
  const { queue } = await subject();
  return {
    pass: (ms) => systemClock.sleep(ms * slower + lookMs),
    queue: {
      ...queue,
      send: (messages, delayMs = 0) => queue.send(messages, delayMs * slower),
      receive: (lane, max, visibilityMs) => queue.receive(lane, max, visibilityMs * slower),
      release: (delivery, delayMs) => queue.release(delivery, delayMs * slower),
    },
  };
});
