import * as z from 'zod';
import type { QueueUrls } from '../../infra/sqs/queues.ts';

const url = z.url('the URL of an SQS queue');

const schema = z.object({
  SLUICE_TABLE: z.string('the name of the DynamoDB table').min(1, 'the name of the DynamoDB table'),
  SLUICE_QUEUE_INPUTS: url,
  SLUICE_QUEUE_URGENT: url,
  SLUICE_QUEUE_WAKES: url,
  SLUICE_QUEUE_DEAD: url,
  SLUICE_QUEUE_DEAD_FIFO: url,
  SLUICE_CONFIG: z.string().min(1, 'the path of a configuration file').default('sluice.json'),
});

export interface Settings {
  readonly table: string;
  readonly urls: QueueUrls;
  /** Path of the configuration file, from the folder of the package. */
  readonly config: string;
}

/** What the template tells each function. Throws one error that names everything missing or wrong. */
export const readEnvironment = (environment: Readonly<Record<string, string | undefined>> = process.env): Settings => {
  const read = schema.safeParse(environment);
  if (!read.success) {
    const mistakes = read.error.issues.map(({ path, message }) => {
      const name = String(path[0]);
      const found = environment[name];
      return `${name}: found ${found === undefined ? 'nothing' : JSON.stringify(found)}, allowed is ${message}`;
    });
    throw new Error(`environment of the function:\n${mistakes.join('\n')}`);
  }
  const { data } = read;
  return {
    table: data.SLUICE_TABLE,
    config: data.SLUICE_CONFIG,
    urls: {
      inputs: data.SLUICE_QUEUE_INPUTS,
      urgent: data.SLUICE_QUEUE_URGENT,
      wakes: data.SLUICE_QUEUE_WAKES,
      dead: data.SLUICE_QUEUE_DEAD,
      deadFifo: data.SLUICE_QUEUE_DEAD_FIFO,
    },
  };
};
