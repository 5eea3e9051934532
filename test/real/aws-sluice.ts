import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { WrittenConfig } from '../../functions/config.ts';
import { clientOptions, startDynamo, startSqs } from '../../local/emulators.ts';
import { findRuntimeClient } from '../../local/runtime-client.ts';
import { startStack, type Stack } from '../../local/stack.ts';
import { bundled, bundleFunction } from '../../scripts/bundle.ts';
import { openCountingProxy } from './aws-traffic.ts';
import { kubeconfigPath } from './helpers.ts';
import { access, sluiceAt, tokens, type SluiceClient } from './sluice-client.ts';
import { logTo } from './sluice.ts';

/** What AWS would bill for: invocations of the functions that move releases, writes of the table, messages sent. */
export interface Bill {
  readonly invocations: number;
  /** Those by messages: of worker and urgent. */
  readonly byMessages: number;
  readonly writes: number;
  readonly messages: number;
}

/** Sluice as it runs on AWS: bundles under AWS's runtime client, SQS by LocalStack, DynamoDB by dynalite. */
export interface AwsSluice extends SluiceClient {
  readonly stack: Stack;
  /** Since the start, the functions that people ask left out. */
  bill(): Bill;
  /** All that was counted, to be printed. */
  spell(): string;
  /** Every process that moves releases dies at once, in the middle of whatever it does. */
  killWorkers(): Promise<void>;
  /** Whatever is in the queues, in flight or waiting, is lost. */
  loseMessages(): Promise<void>;
  stop(): Promise<void>;
}

const moving = ['ingest', 'worker', 'urgent', 'tick'] as const;

/** Starts it on the kit's LocalStack. The kit's registry sends its notifications to port 8090. */
export const startAwsSluice = async (name: string, options: { readonly port?: number; readonly kubeconfig?: string } = {}): Promise<AwsSluice> => {
  const runtimeClient = await findRuntimeClient();
  if (runtimeClient === undefined) throw new Error('the runtime client is not installed: run test/real/kit/kit install');
  const folder = await mkdtemp(join(tmpdir(), 'sluice-aws-'));
  await Promise.all(bundled.map((each) => bundleFunction(each, folder)));
  const [sqs, dynamo] = await Promise.all([startSqs(), startDynamo()]);
  const counting = { sqs: await openCountingProxy(sqs.endpoint), dynamo: await openCountingProxy(dynamo.endpoint) };
  const config: WrittenConfig = { ...access, clusters: { default: { kubeconfig: options.kubeconfig ?? kubeconfigPath() } } };
  await writeFile(join(folder, 'sluice.json'), JSON.stringify(config));
  const log = createWriteStream(logTo(`sluice-${name}`), { flags: 'a' });
  const stack = await startStack({
    runtimeClient,
    bundles: folder,
    sqs,
    dynamo,
    via: { sqs: counting.sqs.url, dynamo: counting.dynamo.url },
    stage: `${name}-${randomBytes(3).toString('hex')}`,
    config: join(folder, 'sluice.json'),
    environment: { ...tokens },
    port: options.port ?? 0,
    onOutput: (text) => void log.write(text),
  });
  const functions = moving.map((each) => stack.functions[each]).filter((each) => each !== undefined);
  const invoked = (names: readonly string[]): number => functions.reduce((sum, each) => (names.includes(each.name) ? sum + each.tally().invocations : sum), 0);
  return {
    ...sluiceAt(stack.url),
    stack,
    bill: () => ({
      invocations: invoked(moving),
      byMessages: invoked(['worker', 'urgent']),
      writes: counting.dynamo.traffic().writes,
      messages: counting.sqs.traffic().messages,
    }),
    spell: () =>
      JSON.stringify({ invocations: Object.fromEntries(functions.map((each) => [each.name, each.tally().invocations])), dynamodb: counting.dynamo.traffic().requests, sqs: counting.sqs.traffic().requests }),
    async killWorkers() {
      await Promise.all(functions.map((each) => each.kill()));
    },
    async loseMessages() {
      const client = new SQSClient(clientOptions(sqs.endpoint));
      for (const { url } of Object.values(stack.queues)) await client.send(new PurgeQueueCommand({ QueueUrl: url }));
      client.destroy();
    },
    async stop() {
      await stack.stop();
      await Promise.all([counting.sqs.close(), counting.dynamo.close(), sqs.close(), dynamo.close()]);
      log.end();
      await rm(folder, { recursive: true });
    },
  };
};
