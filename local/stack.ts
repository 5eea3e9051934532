import { join } from 'node:path';
import type { RequestListener } from 'node:http';
import { tableDefinition } from '../infra/dynamodb/table.ts';
import { readDeployed } from './deployed.ts';
import { clientOptions, credentials, type Emulator } from './emulators.ts';
import { launchBundle } from './function-process.ts';
import { createFunction, type LocalFunction } from './function.ts';
import { openGateway } from './gateway.ts';
import { startMapping } from './mappings.ts';
import { createQueues, type CreatedQueue } from './queues.ts';
import { startSchedule } from './schedule.ts';

const root = new URL('../', import.meta.url);
/** Processes of one function at a time, whatever AWS would allow: this is one machine. */
const mostProcesses = 4;

export interface StackOptions {
  /** The entry file of AWS's runtime client. */
  readonly runtimeClient: string;
  /** Part of the names of queues and table, for emulators that several share. */
  readonly stage: string;
  /** Where `npm run bundle` put the bundles. */
  readonly bundles: string;
  readonly sqs: Emulator;
  readonly dynamo: Emulator;
  /** The configuration file of the functions. */
  readonly config: string;
  /** What their configuration refers to: secrets, a kubeconfig. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where HTTP is served; 0 takes a free port. */
  readonly port: number;
  /** Requests that are no function's. */
  readonly beside?: (path: string) => RequestListener | undefined;
  /** What the functions write, and what goes wrong around them. */
  readonly onOutput: (text: string) => void;
  /** Emulators as the functions reach them, when it is not directly: to count, or to disturb. */
  readonly via?: { readonly sqs?: string; readonly dynamo?: string };
}

/** Sluice as it runs on AWS, on this machine. */
export interface Stack {
  readonly url: string;
  readonly functions: Readonly<Record<string, LocalFunction>>;
  /** By the ids of deploy/queues.yml. */
  readonly queues: Readonly<Record<string, CreatedQueue>>;
  /** Takes no new work, ends every process. The emulators stay. */
  stop(): Promise<void>;
}

const createTable = async (endpoint: string, table: string): Promise<void> => {
  const { CreateTableCommand, DynamoDBClient, waitUntilTableExists } = await import('@aws-sdk/client-dynamodb');
  const client = new DynamoDBClient(clientOptions(endpoint));
  await client.send(new CreateTableCommand(tableDefinition(table)));
  await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 0.02, maxDelay: 0.2 }, { TableName: table });
  client.destroy();
};

/** Starts what serverless.yml deploys: queues and table on emulators, the functions' bundles under AWS's runtime client, and what invokes them. */
export const startStack = async (options: StackOptions): Promise<Stack> => {
  const { sqs, dynamo, via = {}, onOutput } = options;
  const deployed = await readDeployed(root, options.stage);
  const table = `sluice-${options.stage}`;
  await createTable(dynamo.endpoint, table);
  const { SQSClient } = await import('@aws-sdk/client-sqs');
  const client = new SQSClient(clientOptions(sqs.endpoint));
  const queues = await createQueues(client, sqs.endpoint, deployed.queues);
  const endpoints = { sqs: via.sqs ?? sqs.endpoint, dynamo: via.dynamo ?? dynamo.endpoint };
  const queueOf = (id: string): { readonly url: string; readonly arn: string } => {
    const queue = queues[id];
    if (queue === undefined) throw new Error(`serverless.yml names the queue ${id}; deploy/queues.yml has ${Object.keys(queues).join(', ')}`);
    return queue;
  };

  const functions: Record<string, LocalFunction> = {};
  for (const { name, bundle, timeoutMs, memoryMb } of deployed.functions) {
    const launch = launchBundle({
      name: `sluice-${options.stage}-${name}`,
      bundle: join(options.bundles, bundle),
      runtimeClient: options.runtimeClient,
      memoryMb,
      onOutput: (text) => onOutput(`${name}: ${text}`),
      environment: {
        ...credentials,
        AWS_ENDPOINT_URL_SQS: endpoints.sqs,
        AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamo,
        SLUICE_TABLE: table,
        SLUICE_CONFIG: options.config,
        ...Object.fromEntries(Object.entries(deployed.queueVariables).map(([variable, id]) => [variable, `${endpoints.sqs}${new URL(queueOf(id).url).pathname}`])),
        ...options.environment,
      },
    });
    functions[name] = createFunction({ name, launch, timeoutMs, concurrency: mostProcesses, onFailure: (text) => onOutput(`${text}\n`) });
  }
  const named = (name: string): LocalFunction => {
    const found = functions[name];
    if (found === undefined) throw new Error(`serverless.yml has no function ${name}; it has ${Object.keys(functions).join(', ')}`);
    return found;
  };

  const mappings = await Promise.all(
    deployed.functions.flatMap(({ name, sources }) =>
      sources.map(({ queue, batchSize, maximumConcurrency }) =>
        startMapping({
          client,
          queueUrl: queueOf(queue).url,
          queueArn: queueOf(queue).arn,
          function: named(name),
          batchSize,
          // Messages that are received and then wait for a process would use up their visibility.
          concurrency: Math.max(1, Math.min(maximumConcurrency, Math.floor(mostProcesses / sources.length))),
          onError: (error) => onOutput(`${queue}: ${String(error)}\n`),
        }),
      ),
    ),
  );
  const stopSchedule = startSchedule(named('tick'));
  const gateway = await openGateway({ port: options.port, ingest: named('ingest'), api: named('api'), ...(options.beside === undefined ? {} : { beside: options.beside }) });
  return {
    url: gateway.url,
    functions,
    queues,
    async stop() {
      stopSchedule();
      await gateway.close();
      await Promise.all(mappings.map((mapping) => mapping.stop()));
      await Promise.all(Object.values(functions).map((each) => each.close()));
      client.destroy();
    },
  };
};
