import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { application, definition as benchDefinition, fiveSteps, fiveStepsWatch, image as benchImage, namespace as benchNamespace } from '../bench/world/application.ts';
import type { Clock } from '../infra/clock.ts';
import { dynamoStore } from '../infra/dynamodb/store.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import type { Document } from '../statemachines/document.ts';
import { viewRelease } from '../statemachines/view.ts';
import { awsWorld, type AwsWorld, type WorldOptions } from './fixtures/aws-world.ts';
import { startEmulator, type Emulator } from './fixtures/dynalite.ts';
import { fauxqs } from './fixtures/fauxqs.ts';
import { alertBody, definition, image, route, userObjects } from './fixtures/serving.ts';

const sqs = fauxqs();
let dynamo: Emulator;
let table = '';
let writes: Record<string, number> = {};
beforeAll(async () => {
  dynamo = await startEmulator();
  dynamo.client.middlewareStack.add((next, { commandName = '' }) => (args) => ((writes[commandName] = (writes[commandName] ?? 0) + 1), next(args)), { step: 'initialize' });
});
afterAll(() => dynamo.close());

const stores = {
  SQLite: (clock: Clock) => {
    const embedded = openSqlite(':memory:', { clock });
    onTestFinished(() => embedded.close());
    return embedded.store;
  },
  DynamoDB: async (clock: Clock) => {
    table = await dynamo.table();
    return dynamoStore({ client: dynamo.client, table, clock });
  },
} satisfies Record<string, WorldOptions['store']>;

const over = (release: Document | undefined): boolean => release?.snapshot.status === 'done';
const never = (): boolean => false;
const phase = (release: Document | undefined): string | undefined => (release === undefined ? undefined : viewRelease(release).phase);

const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pro' } };
const demo = (options: Pick<WorldOptions, 'store'> & Partial<WorldOptions>): Promise<AwsWorld> => awsWorld({ emulator: sqs, objects: [namespace, ...userObjects()], image, rollout: { namespace: 'pro', name: 'demo' }, ...options });

const applied = async (world: AwsWorld, text: string): Promise<void> => {
  expect(await world.call('PUT', '/api/rollouts', { text })).toMatchObject({ status: 200, body: { applied: [{ created: true }] } });
};

const push = async (world: AwsWorld, of: string, tag: string, env: Record<string, string> = {}): Promise<void> => {
  const digest = world.sandbox.registry.push(of, tag, { env: { VERSION: tag, ...env } });
  const [host = '', ...repository] = of.split('/');
  const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, repository: repository.join('/'), tag };
  const answer = await world.call('POST', '/hooks/registry', { events: [{ id: `push-${tag}`, action: 'push', target, request: { host } }] });
  expect(answer).toEqual({ status: 202, body: { accepted: 1, ignored: 0 } });
};

describe.each(Object.entries(stores))('a release on AWS, with documents in %s', (_name, store) => {
  const steps = 'steps: [{weight: 20, hold: 10s}, {weight: 100}]\nwatch: 10s\nalerts: [{match: {severity: critical}, do: rollback}]';

  it.each([1, 10])('goes from a push to completed, %i messages an invocation', async (batchSize) => {
    const world = await demo({ store, batchSize });
    await applied(world, definition(steps));
    await push(world, image, '1.1.0');
    const release = await world.until(over);
    expect(phase(release)).toBe('completed');
    await world.until(never, 1_000);
    expect((await world.sandbox.cluster.get(route))?.['spec']).toMatchObject({ routes: [{ services: [{ name: 'demo', port: 8080 }] }] });
    expect(world.sandbox.gateway.route({ host: 'demo.test', path: '/', method: 'GET', headers: {}, clientIp: '127.0.0.1' }).version).toBe('1.1.0');
    expect(await world.ports.queue.deadLetters(10)).toEqual([]);
    expect(await world.ports.queue.backlog()).toEqual({ waiting: 0, dead: 0 });
  });

  it('goes back at an alert, which passes by whatever waits', async () => {
    const world = await demo({ store });
    await applied(world, definition(steps));
    await push(world, image, '1.1.0');
    await world.until((release) => release !== undefined && viewRelease(release).seen[0]?.canary === 20);
    const before = world.invocations.urgent;
    const alerted = world.clock.now();
    expect((await world.call('POST', '/hooks/alerts', alertBody({ severity: 'critical', namespace: 'pro' }, { startsAt: alerted }))).status).toBe(202);
    await world.until((release) => phase(release) !== 'stepping');
    // Announcement and input: nothing but the urgent lane was needed, and no time.
    expect(world.invocations.urgent).toBeGreaterThan(before);
    expect(world.clock.now() - alerted).toBeLessThanOrEqual(200);
    const release = await world.until(over);
    expect(phase(release)).toBe('rolledBack');
    expect(world.sandbox.gateway.route({ host: 'demo.test', path: '/', method: 'GET', headers: {}, clientIp: '127.0.0.1' }).version).toBe('1.0.0');
  });

  it('goes on by the tick alone when no wake is ever sent', async () => {
    const world = await demo({ store });
    await applied(world, definition(steps));
    world.subject.client.middlewareStack.add(
      (next, { commandName }) => (args) => {
        const { QueueUrl, Entries = [] } = args.input as { QueueUrl?: string; Entries?: readonly { DelaySeconds?: number }[] };
        if (commandName === 'SendMessageBatchCommand' && QueueUrl === world.subject.urls.wakes && Entries.some(({ DelaySeconds = 0 }) => DelaySeconds > 0)) throw new Error('SQS does not answer');
        return next(args);
      },
      { step: 'initialize' },
    );
    await push(world, image, '1.1.0');
    const release = await world.until(over, 3_600_000);
    expect(phase(release)).toBe('completed');
    expect(world.invocations.tick).toBeGreaterThan(3);
  });
});

describe('what a five-step release costs on AWS', () => {
  const rollout = { namespace: benchNamespace, name: 'demo' };
  const played = async (store: WorldOptions['store']): Promise<AwsWorld> => {
    const world = await awsWorld({ emulator: sqs, store, objects: application('demo', 'IngressRoute'), image: benchImage, rollout, readyMs: 3_000 });
    await applied(world, benchDefinition('demo', 'IngressRoute', fiveSteps, fiveStepsWatch));
    world.forget();
    writes = {};
    await push(world, benchImage, '1.1.0');
    expect(phase(await world.until(over))).toBe('completed');
    // What the end of the release still has to tell its rollout.
    await world.until(never, 1_000);
    return world;
  };

  it('stays below the bars: 40 invocations, 40 messages, 60 saves', async () => {
    const world = await played(stores.SQLite);
    expect(world.counted()).toEqual({ invocations: 32, messages: 31, saves: 45, ticks: 1 });
    expect(world.invocations).toMatchObject({ ingest: 1, worker: 31, urgent: 0 });
    const { invocations, messages, saves } = world.counted();
    expect([invocations <= 40, messages <= 40, saves <= 60]).toEqual([true, true, true]);
  });

  it('which are no more than 60 writes of DynamoDB', async () => {
    await played(stores.DynamoDB);
    const { PutItemCommand: puts = 0, UpdateItemCommand: updates = 0, ...others } = writes;
    expect(Object.keys(others).filter((command) => !/^(Get|Query|BatchGet)/.test(command))).toEqual([]);
    expect(puts + updates).toBeLessThanOrEqual(60);
  });
});
