import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import * as z from 'zod';

/** A function as serverless.yml declares it, in what matters here. */
export interface DeployedFunction {
  readonly name: string;
  /** The bundle it runs, as `npm run bundle` names it. */
  readonly bundle: string;
  readonly timeoutMs: number;
  readonly memoryMb: number;
  readonly reservedConcurrency: number | undefined;
  /** Queues it is invoked from. */
  readonly sources: readonly { readonly queue: string; readonly batchSize: number; readonly maximumConcurrency: number }[];
}

/** A queue as deploy/queues.yml declares it; attributes as SQS takes them, without the redrive policy, which names another queue. */
export interface DeployedQueue {
  readonly id: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly redrive?: { readonly to: string; readonly maxReceiveCount: number };
}

export interface Deployed {
  readonly functions: readonly DeployedFunction[];
  /** Dead-letter queues come before those that name them. */
  readonly queues: readonly DeployedQueue[];
  /** Environment variable of every function -> the queue whose URL it holds. */
  readonly queueVariables: Readonly<Record<string, string>>;
}

const getAtt = z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) });

const template = z.object({
  service: z.string(),
  params: z.object({ default: z.record(z.string(), z.unknown()) }),
  provider: z.object({ timeout: z.number(), memorySize: z.coerce.number(), environment: z.record(z.string(), z.unknown()) }),
  functions: z.record(
    z.string(),
    z.object({
      handler: z.string().regex(/^dist\/[a-z]+\/index\.handler$/),
      timeout: z.number().optional(),
      memorySize: z.number().optional(),
      reservedConcurrency: z.coerce.number().optional(),
      events: z.array(z.object({ sqs: z.object({ arn: getAtt, batchSize: z.number(), maximumConcurrency: z.coerce.number() }).optional() })).default([]),
    }),
  ),
});

const queueResources = z.object({
  Resources: z.record(
    z.string(),
    z.object({
      Type: z.literal('AWS::SQS::Queue'),
      Properties: z.looseObject({
        QueueName: z.string(),
        RedrivePolicy: z.object({ deadLetterTargetArn: getAtt, maxReceiveCount: z.number() }).optional(),
      }),
    }),
  ),
});

/** Properties of a queue that are not attributes of the API, or that emulators do not know and that change nothing here. */
const notAttributes: ReadonlySet<string> = new Set(['QueueName', 'RedrivePolicy', 'Tags', 'SqsManagedSseEnabled']);

/**
 * What `serverless.yml` and `deploy/queues.yml` deploy, read from themselves, so that what runs here is what runs there: time-outs,
 * concurrency, batches, the queues and their attributes. Parameters have their defaults; `stage` is part of the queues' names.
 */
export const readDeployed = async (root: URL, stage: string): Promise<Deployed> => {
  const read = async (file: string, variables: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const text = (await readFile(new URL(file, root), 'utf8')).replaceAll(/\$\{([a-z]+:[A-Za-z]+)\}/g, (whole, name: string) => (name in variables ? String(variables[name]) : whole));
    return parse(text, { merge: true }) as unknown;
  };
  const { service, params } = template.pick({ service: true, params: true }).parse(await read('serverless.yml', {}));
  const variables = { 'self:service': service, 'sls:stage': stage, ...Object.fromEntries(Object.entries(params.default).map(([name, value]) => [`param:${name}`, value])) };
  const { provider, functions } = template.parse(await read('serverless.yml', variables));
  const { Resources } = queueResources.parse(await read('deploy/queues.yml', variables));
  const queues = Object.entries(Resources).map(([id, { Properties: { QueueName, RedrivePolicy, ...rest } }]): DeployedQueue => ({
    id,
    name: QueueName,
    attributes: Object.fromEntries(Object.entries(rest).filter(([name]) => !notAttributes.has(name)).map(([name, value]) => [name, String(value)])),
    ...(RedrivePolicy === undefined ? {} : { redrive: { to: RedrivePolicy.deadLetterTargetArn['Fn::GetAtt'][0], maxReceiveCount: RedrivePolicy.maxReceiveCount } }),
  }));
  return {
    functions: Object.entries(functions).map(([name, { handler, timeout, memorySize, reservedConcurrency, events }]) => ({
      name,
      bundle: handler.split('/')[1] ?? '',
      timeoutMs: (timeout ?? provider.timeout) * 1_000,
      memoryMb: memorySize ?? provider.memorySize,
      reservedConcurrency,
      sources: events.flatMap(({ sqs }) => (sqs === undefined ? [] : [{ queue: sqs.arn['Fn::GetAtt'][0], batchSize: sqs.batchSize, maximumConcurrency: sqs.maximumConcurrency }])),
    })),
    queues: [...queues.filter(({ redrive }) => redrive === undefined), ...queues.filter(({ redrive }) => redrive !== undefined)],
    queueVariables: Object.fromEntries(Object.entries(provider.environment).flatMap(([name, value]) => {
      const { Ref } = (typeof value === 'object' && value !== null ? value : {}) as { Ref?: string };
      return name.startsWith('SLUICE_QUEUE_') && Ref !== undefined ? [[name, Ref]] : [];
    })),
  };
};
