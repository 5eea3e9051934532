import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readEnvironment } from '../functions/aws/environment.ts';
import { aContext, anHttpEvent } from './fixtures/aws-events.ts';
import { idOf } from './fixtures/aws-handlers.ts';
import { fauxqs } from './fixtures/fauxqs.ts';

const emulator = fauxqs();

describe('the environment of a function', () => {
  const queue = 'https://sqs.eu-west-1.amazonaws.com/123456789012/sluice';
  const whole = { SLUICE_TABLE: 'sluice', SLUICE_QUEUE_INPUTS: `${queue}-inputs.fifo`, SLUICE_QUEUE_URGENT: queue, SLUICE_QUEUE_WAKES: queue, SLUICE_QUEUE_DEAD: queue, SLUICE_QUEUE_DEAD_FIFO: queue };

  it('is read once it is whole', () => {
    expect(readEnvironment(whole)).toMatchObject({ table: 'sluice', config: 'sluice.json', urls: { inputs: `${queue}-inputs.fifo`, deadFifo: queue } });
    expect(readEnvironment({ ...whole, SLUICE_CONFIG: '/var/task/other.yml' }).config).toBe('/var/task/other.yml');
  });

  it('all that is missing or wrong is named at once', () => {
    const { SLUICE_TABLE: _table, ...rest } = whole;
    expect(() => readEnvironment({ ...rest, SLUICE_QUEUE_WAKES: 'wakes', SLUICE_QUEUE_DEAD: undefined })).toThrow(
      'environment of the function:\nSLUICE_TABLE: found nothing, allowed is the name of the DynamoDB table\nSLUICE_QUEUE_WAKES: found "wakes", allowed is the URL of an SQS queue\nSLUICE_QUEUE_DEAD: found nothing, allowed is the URL of an SQS queue',
    );
  });
});

describe('the entry files', () => {
  const start = async (written: string) => {
    const subject = await emulator.subject();
    const folder = mkdtempSync(join(tmpdir(), 'sluice-aws-'));
    const path = join(folder, 'sluice.yml');
    writeFileSync(path, written);
    const { inputs, urgent, wakes, dead, deadFifo } = subject.urls;
    const environment = {
      SLUICE_TABLE: 'sluice',
      SLUICE_QUEUE_INPUTS: inputs,
      SLUICE_QUEUE_URGENT: urgent,
      SLUICE_QUEUE_WAKES: wakes,
      SLUICE_QUEUE_DEAD: dead,
      SLUICE_QUEUE_DEAD_FIFO: deadFifo,
      SLUICE_CONFIG: path,
      HOOK: 'a-token',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL_SQS: emulator.endpoint(),
      AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9',
    };
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    vi.resetModules();
    onTestFinished(async () => {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
      await subject.queue.close();
    });
    return subject;
  };
  const written = 'sources: {registry: {kind: distribution, tokens: [env:HOOK]}}';

  it('ingest: a push is in the queue when the answer comes', async () => {
    const subject = await start(written);
    const { handler } = await import('../functions/aws/ingest.ts');
    const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'a'.repeat(64)}`, repository: 'team/demo', tag: '1.0.0' };
    const body = JSON.stringify({ events: [{ id: 'e1', action: 'push', target, request: { host: 'registry.example.com' } }] });
    const answer = await handler(anHttpEvent('POST', '/hooks/registry', { body, headers: { authorization: 'Bearer a-token' } }), aContext());
    expect(answer).toMatchObject({ statusCode: 202, body: '{"accepted":1,"ignored":0}' });
    expect(emulator.inspect(subject, 'inputs').ready.map(idOf)).toEqual(['push/registry/e1']);
  });

  it.each([
    ['api', () => import('../functions/aws/api.ts')],
    ['worker', () => import('../functions/aws/worker.ts')],
    ['tick', () => import('../functions/aws/tick.ts')],
  ])('%s: starts without touching store or cluster, as a handler that Lambda takes', async (_, load) => {
    await start(written);
    const { handler } = await load();
    expect([typeof handler, handler.length <= 2]).toEqual(['function', true]);
  });

  it('do not start for everybody to look', async () => {
    await start(`${written}\nanonymousReads: true`);
    await expect(import('../functions/aws/api.ts')).rejects.toThrow('anonymousReads is only for a server that listens on loopback');
  });
});
