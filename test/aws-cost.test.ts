import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { application, definition, fiveSteps, fiveStepsWatch, image, namespace, type RouteKind } from '../bench/world/application.ts';
import { tickHandler } from '../functions/aws/schedule.ts';
import { dynamoStore } from '../infra/dynamodb/store.ts';
import type { Document } from '../statemachines/document.ts';
import { viewRelease } from '../statemachines/view.ts';
import { aContext, aScheduledEvent } from './fixtures/aws-events.ts';
import { awsWorld, type AwsWorld } from './fixtures/aws-world.ts';
import { startEmulator, type Emulator } from './fixtures/dynalite.ts';
import { fauxqs } from './fixtures/fauxqs.ts';
import { meter, type Meter } from './fixtures/metered.ts';
import { alertBody } from './fixtures/serving.ts';

const sqs = fauxqs();
let dynamo: Emulator;
let dynamoMeter: Meter;
beforeAll(async () => {
  dynamo = await startEmulator();
  dynamoMeter = meter(dynamo.client);
});
afterAll(() => dynamo.close());

/** What AWS bills, for one thing that happens. `requests` are those of SQS: sending, and the receipt and deletion of each invocation by a queue. */
interface Cost {
  readonly webhooks: number;
  readonly invocations: number;
  readonly requests: number;
  readonly reads: number;
  readonly writes: number;
}

const over = (release: Document | undefined): boolean => release?.snapshot.status === 'done';
const rollout = { namespace, name: 'demo' };

interface Counting {
  readonly world: AwsWorld;
  cost(): Cost;
  forget(): void;
}

const opened = async (kind: RouteKind, steps: string, rest: string): Promise<Counting> => {
  const world = await awsWorld({
    emulator: sqs,
    store: async (clock) => dynamoStore({ client: dynamo.client, table: await dynamo.table(), clock }),
    objects: application('demo', kind),
    image,
    rollout,
    readyMs: 3_000,
  });
  // The fixture looks at the release all the time, and ticks; only what workers do is counted.
  Object.assign(world.ports, { store: dynamoMeter.metered(world.ports.store), metrics: () => ({ query: () => Promise.resolve({ outcome: 'value', value: 0 }) }) });
  let sends = 0;
  world.subject.client.middlewareStack.add((next, { commandName = '' }) => (args) => ((sends += commandName.startsWith('SendMessage') ? 1 : 0), next(args)), { step: 'initialize' });
  expect(await world.call('PUT', '/api/rollouts', { text: definition('demo', kind, steps, rest) })).toMatchObject({ status: 200 });
  return {
    world,
    cost: () => {
      const { ingest, worker, urgent } = world.invocations;
      return { webhooks: ingest, invocations: ingest + worker + urgent, requests: sends + 2 * (worker + urgent), ...dynamoMeter.units() };
    },
    forget: () => {
      world.forget();
      dynamoMeter.reset();
      sends = 0;
    },
  };
};

const push = async ({ world }: Counting, repository = image): Promise<void> => {
  const digest = world.sandbox.registry.push(repository, '1.1.0', { env: { VERSION: '1.1.0' } });
  const [host = '', ...path] = repository.split('/');
  const event = { id: 'p1', action: 'push', target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, repository: path.join('/'), tag: '1.1.0' }, request: { host } };
  expect(await world.call('POST', '/hooks/registry', { events: [event] })).toMatchObject({ status: 202 });
};
/** Long enough for whatever was said to be done with. */
const settle = ({ world }: Counting): Promise<unknown> => world.until(() => false, 2_000);

const release = async (kind: RouteKind, steps: string, rest = ''): Promise<Cost> => {
  const counting = await opened(kind, steps, rest);
  counting.forget();
  await push(counting);
  const ended = await counting.world.until(over, 1_200_000);
  expect(ended && viewRelease(ended).phase).toBe('completed');
  await settle(counting);
  return counting.cost();
};

const tick = async (): Promise<Cost> => {
  const counting = await opened('HTTPRoute', '[{weight: 100}]', '');
  await settle(counting);
  counting.forget();
  expect(await tickHandler(counting.world.ports, undefined)(aScheduledEvent(), aContext())).toEqual({ woken: 0 });
  return { ...counting.cost(), invocations: 1 };
};

/** What `more` costs beyond `less`, by the piece. */
const each = (more: Cost, less: Cost, pieces: number): Cost =>
  Object.fromEntries(Object.entries(more).map(([name, amount]) => [name, (amount - less[name as keyof Cost]) / pieces])) as unknown as Cost;

const rounded = (amount: number): number => Math.round(amount * 10) / 10;
const columns = ['webhooks', 'invocations', 'requests', 'reads', 'writes'] as const satisfies readonly (keyof Cost)[];
const page = readFileSync('docs/aws.md', 'utf8');

const row = (what: string, cost: Cost): string => `the row is now: | ${what} | ${columns.map((column) => rounded(cost[column])).join(' | ')} |`;

/** A row of the page by its first column. */
const written = (what: string): Cost => {
  const line = page.split('\n').find((text) => text.startsWith(`| ${what} |`));
  if (line === undefined) throw new Error(`docs/aws.md has no row "${what}"`);
  const numbers = line.split('|').slice(2, -1).map((cell) => Number(cell.trim().replaceAll(',', '')));
  return Object.fromEntries(columns.map((column, at) => [column, numbers[at] ?? Number.NaN])) as unknown as Cost;
};

describe('docs/aws.md says what was counted', () => {
  const hold = (minutes: number, analysis = ''): string => `[{weight: 50, hold: ${minutes}m${analysis}}, {weight: 100}]`;
  const health = 'analyses: {health: {interval: 10s, query: errors, max: 1, passes: 1, failures: 1}}';

  it.each([
    ['the release of five steps, Traefik', () => release('IngressRoute', fiveSteps, fiveStepsWatch)],
    ['the release of five steps, Gateway API', () => release('HTTPRoute', fiveSteps, fiveStepsWatch)],
    ['each minute with users on a canary, Traefik', async () => each(await release('IngressRoute', hold(5)), await release('IngressRoute', hold(1)), 4)],
    ['each minute with users on a canary, Gateway API', async () => each(await release('HTTPRoute', hold(5)), await release('HTTPRoute', hold(1)), 4)],
    ['each look of an analysis', async () => each(await release('HTTPRoute', hold(5, ', analysis: health'), health), await release('HTTPRoute', hold(1, ', analysis: health'), health), 24)],
    [
      'an alert that takes a release back',
      async () => {
        const counting = await opened('IngressRoute', hold(30), '');
        await push(counting);
        await counting.world.until((ended) => ended !== undefined && viewRelease(ended).seen[0]?.canary === 50);
        await counting.world.until(() => false, 15_000);
        counting.forget();
        await counting.world.call('POST', '/hooks/alerts', alertBody({ severity: 'critical', rollout: `${namespace}/demo` }, { startsAt: counting.world.clock.now() }));
        const ended = await counting.world.until(over);
        expect(ended && viewRelease(ended).phase).toBe('rolledBack');
        await settle(counting);
        return counting.cost();
      },
    ],
    [
      'a push or an alert that concerns nothing',
      async () => {
        const counting = await opened('HTTPRoute', '[{weight: 100}]', '');
        counting.forget();
        await push(counting, 'registry.sandbox/team/other');
        await settle(counting);
        return counting.cost();
      },
    ],
    ['a tick', tick],
  ] as const)('%s', async (what, counted) => {
    const cost = await counted();
    const said = written(what);
    // A field more in a document is no reason to write the page anew; what would be noticed on a bill is.
    const wrong = columns.filter((column) => !(Math.abs(cost[column] - said[column]) <= Math.max(0.1, 0.1 * cost[column])));
    expect(wrong.map((column) => `${column}: counted ${rounded(cost[column])}, the page says ${said[column]}`), row(what, cost)).toEqual([]);
  }, 120_000);

  it.each([10, 100, 1_000])('a fleet of %i services is the sum of its rows', (services) => {
    const releases = 30 * services;
    const [base, minute, look] = [written('the release of five steps, Traefik'), written('each minute with users on a canary, Traefik'), written('each look of an analysis')];
    const sum = Object.fromEntries(columns.map((column) => [column, Math.round(releases * (base[column] + 60 * minute[column] + 60 * look[column]))]));
    expect(written(`${services.toLocaleString('en')} services`)).toEqual(sum);
  });

  it('what stands is the ticks of a month and the polls of three queues', () => {
    const seconds = 30 * 86_400;
    const ticks = seconds / 60;
    const { invocations, reads, writes } = written('a tick');
    expect(written('standing, whatever the fleet')).toEqual({ webhooks: 0, invocations: ticks * invocations, requests: (3 * 5 * seconds) / 20, reads: ticks * reads, writes: ticks * writes });
  });
});
