import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Json } from '../../events/input.ts';
import { tableDefinition } from '../../infra/dynamodb/table.ts';
import { readDeployed } from '../../local/deployed.ts';
import { clientOptions, credentials, startDynamo, startSqs } from '../../local/emulators.ts';
import { launchBundle, startEnvironment } from '../../local/function-process.ts';
import { toEvent } from '../../local/gateway.ts';
import { createQueues } from '../../local/queues.ts';
import { findRuntimeClient } from '../../local/runtime-client.ts';
import { bundled, bundleFunction, codeBytes } from '../../scripts/bundle.ts';
import type { Row } from '../row.ts';
import { spread } from '../statistics.ts';

/** Rows of this file end with this, so that their absence can be told. */
export const underRuntimeClient = '(runtime client)';

const table = 'sluice-bench';
const token = 'bench';
/** As serverless.yml gives it: with less left a worker gives its messages back. */
const timeoutMs = 18_000;
const largestIngestKb = 1_200;

const request = (method: string, target: string, body: object | undefined): Json =>
  toEvent(
    {
      method,
      target,
      rawHeaders: ['host', 'bench.invalid', 'authorization', `Bearer ${token}`, 'content-type', 'application/json'],
      body: Buffer.from(body === undefined ? '' : JSON.stringify(body)),
      sourceIp: '127.0.0.1',
    },
    '$default',
    Date.now(),
  ) as unknown as Json;

const alert = { version: '4', groupKey: '{}', status: 'firing', receiver: 'bench', alerts: [{ status: 'firing', labels: { alertname: 'Bench' }, annotations: {}, startsAt: '2026-01-01T00:00:00Z', endsAt: '0001-01-01T00:00:00Z', generatorURL: '', fingerprint: 'bench' }] };

const wakeOfNobody = (queueArn: string): Json => ({
  Records: [
    {
      messageId: 'bench',
      receiptHandle: 'bench',
      body: JSON.stringify({ id: 'wake/release/bench/none/1/0', lane: 'normal', group: 'release/bench/none/1', body: { type: 'wake', document: 'release/bench/none/1' } }),
      attributes: { ApproximateReceiveCount: '1', SentTimestamp: '0', SenderId: 'bench', ApproximateFirstReceiveTimestamp: '0' },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: queueArn,
      awsRegion: credentials.AWS_REGION,
    },
  ],
});

interface Subject {
  readonly name: string;
  readonly bundle: string;
  readonly event: Json;
  /** What its first invocation does, beside starting. */
  readonly does: string;
  readonly barMs?: number;
}

/**
 * Cold starts of the bundles under AWS's own runtime client: from starting the process until the answer to its first, real
 * invocation has come. No rows where the client is not installed.
 */
export const functionStarts = async (folder: string, times: number): Promise<readonly Row[]> => {
  const runtimeClient = await findRuntimeClient();
  if (runtimeClient === undefined) return [];
  const metafiles = new Map(await Promise.all(bundled.map(async (name) => [name, await bundleFunction(name, folder)] as const)));
  const ingestKb = codeBytes(metafiles.get('ingest') ?? { inputs: {}, outputs: {} }) / 1_000;
  const withCluster = Object.entries(metafiles.get('worker')?.outputs ?? {}).find(([path, { inputs }]) => path.endsWith('.mjs') && Object.keys(inputs).some((input) => input.includes('@kubernetes/client-node/dist/config.js')))?.[0];
  if (withCluster === undefined) throw new Error('the bundle of worker has no chunk with @kubernetes/client-node; how it loads the cluster client has changed');
  for (const [name, text] of [
    ['empty', 'export const handler = () => Promise.resolve(null);\n'],
    ['worker-cluster', `await import('../worker/${withCluster.split('/').at(-1)}');\nexport { handler } from '../worker/index.mjs';\n`],
  ] as const) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'index.mjs'), text);
  }
  await writeFile(join(folder, 'sluice.json'), JSON.stringify({ sources: { alertmanager: { kind: 'alertmanager', tokens: ['env:BENCH_TOKEN'] } }, people: { bench: { tokens: ['env:BENCH_TOKEN'], role: 'operator' } } }));

  const [sqs, dynamo, deployed] = await Promise.all([startSqs(), startDynamo(), readDeployed(new URL('../../', import.meta.url), 'bench')]);
  const clients = { sqs: new SQSClient(clientOptions(sqs.endpoint)), dynamo: new DynamoDBClient(clientOptions(dynamo.endpoint)) };
  await clients.dynamo.send(new CreateTableCommand(tableDefinition(table)));
  const queues = await createQueues(clients.sqs, sqs.endpoint, deployed.queues);
  const environment = {
    ...credentials,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    SLUICE_TABLE: table,
    SLUICE_CONFIG: join(folder, 'sluice.json'),
    BENCH_TOKEN: token,
    ...Object.fromEntries(Object.entries(deployed.queueVariables).map(([variable, id]) => [variable, queues[id]?.url ?? ''])),
  };

  const wake = wakeOfNobody(queues['WakesQueue']?.arn ?? '');
  const subjects: readonly Subject[] = [
    { name: 'empty', bundle: 'empty', event: null, does: 'nothing' },
    { name: 'ingest', bundle: 'ingest', event: request('POST', '/hooks/alertmanager', alert), does: 'an alert is sent to SQS', barMs: 150 },
    { name: 'api', bundle: 'api', event: request('GET', '/api/rollouts', undefined), does: 'an empty fleet is read from DynamoDB' },
    { name: 'worker', bundle: 'worker', event: wake, does: 'a wake for nobody is looked up in DynamoDB' },
    { name: 'worker, cluster client loaded', bundle: 'worker-cluster', event: wake, does: 'a wake for nobody is looked up in DynamoDB', barMs: 130 },
    { name: 'tick', bundle: 'tick', event: { 'detail-type': 'Scheduled Event' }, does: 'what is due is asked of DynamoDB' },
  ];
  const samples = new Map<string, { readonly init: number[]; readonly answer: number[] }>(subjects.map(({ name }) => [name, { init: [], answer: [] }]));
  const startOnce = async ({ name, bundle, event }: Subject): Promise<void> => {
    let said = '';
    const launch = launchBundle({ name: 'bench', bundle: join(folder, bundle), runtimeClient, memoryMb: 1_024, environment, onOutput: (text) => (said += text) });
    const begun = performance.now();
    const process = await startEnvironment('bench', launch);
    const result = await process.invoke(event, timeoutMs);
    const took = performance.now() - begun;
    samples.get(name)?.answer.push(took);
    samples.get(name)?.init.push(await process.init);
    await process.kill();
    const { statusCode = 200, batchItemFailures = [] } = ((result.ok ? result.payload : null) ?? {}) as { statusCode?: number; batchItemFailures?: readonly Json[] };
    if (!result.ok || statusCode >= 300 || batchItemFailures.length > 0) throw new Error(`${name} did not do what its start is measured by: ${JSON.stringify(result)} ${said}`);
  };
  try {
    // In turns, so that whatever else the machine does falls on all alike; the first round fills the page cache.
    for (const subject of subjects) await startOnce(subject);
    for (const { init, answer } of samples.values()) init.length = answer.length = 0;
    for (let round = 0; round < times; round++) for (const subject of subjects) await startOnce(subject);
  } finally {
    clients.sqs.destroy();
    clients.dynamo.destroy();
    await Promise.all([sqs.close(), dynamo.close()]);
  }

  const of = (name: string, which: 'init' | 'answer') => spread(samples.get(name)?.[which] ?? [], 'ms');
  const baseline = { ...of('empty', 'answer'), what: 'a function that does nothing' };
  const rows = subjects.slice(1).map(({ name, does, barMs }): Row => {
    const measured = of(name, 'answer');
    const notes = [`${name}: in its first invocation ${does}; it asks for it after ${of(name, 'init').p50.toFixed(0)} ms (empty function: ${of('empty', 'init').p50.toFixed(0)} ms)`];
    return {
      what: `cold start, ${name} ${underRuntimeClient}`,
      measured,
      baseline,
      ratio: measured.p50 / baseline.p50,
      notes,
      ...(barMs === undefined ? {} : { bar: { text: `p50 <= ${barMs} ms`, met: measured.p50 <= barMs } }),
    };
  });
  return [...rows, { what: 'code of ingest, all its chunks', measured: { unit: 'KB', value: ingestKb }, bar: { text: `<= ${largestIngestKb} KB`, met: ingestKb <= largestIngestKb } }];
};
