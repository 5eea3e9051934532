import type { Input, Json, Millis } from '../../events/input.ts';
import { manualClock } from '../../infra/cluster/sandbox/manual-clock.ts';
import { createSandbox, type Sandbox } from '../../infra/cluster/sandbox/sandbox.ts';
import type { Ports } from '../../infra/ports.ts';
import { openSqlite } from '../../infra/sqlite/open.ts';
import { runDocument } from '../../infra/worker/run.ts';
import { tick } from '../../infra/worker/wake.ts';
import { handleDelivery, visibilityMs } from '../../infra/worker/worker.ts';
import { parseDefinitions } from '../../statemachines/definition/parse.ts';
import { releaseId, rolloutId, type Rollout } from '../../statemachines/definition/rollout.ts';
import type { Document } from '../../statemachines/document.ts';
import { application, image, namespace, type RouteKind } from './application.ts';

/** Sluice's own worker, tick, store and queue around a sandbox, on a clock that moves only when told to: minutes pass in milliseconds. */
export interface HeldWorld {
  readonly ports: Ports;
  readonly sandbox: Sandbox;
  /** Messages that a worker has handled so far. */
  readonly runs: () => number;
  /** Lets time pass in steps (100 ms unless told otherwise) with a tick after each, and handles all that follows from it. */
  pass(ms: Millis, every?: Millis): Promise<void>;
  /** Lets time pass until `done` says so of the release; throws after `patience`. */
  until(n: number, what: string, done: (release: Document) => boolean, patience?: Millis): Promise<Document>;
  /** Sends one input to a document and handles all that follows at this moment. */
  tell(document: string, event: Input['event'], urgent?: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface HeldOptions {
  readonly name: string;
  readonly route: RouteKind;
  readonly definition: string;
  /** From the creation of a pod until it is ready. */
  readonly readyMs?: Millis;
}

const stepMs = 100;

export const rolloutOf = (text: string): Rollout => {
  const parsed = parseDefinitions(text);
  const [rollout] = parsed.ok ? parsed.rollouts : [];
  if (rollout === undefined) throw new Error(`the definition of the bench has mistakes: ${JSON.stringify(parsed)}`);
  return rollout;
};

/** The application is up in version 1.0.0, the definition is applied, version 1.1.0 is in the registry; nothing has been counted yet. */
export const heldWorld = async ({ name, route, definition, readyMs = 3_000 }: HeldOptions): Promise<HeldWorld> => {
  const clock = manualClock(Date.now());
  const sandbox = createSandbox({ clock, readyDelayMs: readyMs });
  for (const tag of ['1.0.0', '1.1.0']) sandbox.registry.push(image, tag, { env: { VERSION: tag } });
  const team = sandbox.asUser('kubectl');
  for (const object of application(name, route)) await team.create(object);
  const embedded = openSqlite(':memory:', { clock });
  const ports: Ports = {
    store: embedded.store,
    queue: embedded.queue,
    clock,
    registry: sandbox.registry,
    cluster: () => Promise.resolve(sandbox.cluster),
    metrics: () => undefined,
  };
  let runs = 0;
  let inputs = 0;
  const settle = async (): Promise<void> => {
    for (;;) {
      const deliveries = (await Promise.all([ports.queue.receive('urgent', 16, visibilityMs), ports.queue.receive('normal', 64, visibilityMs)])).flat();
      if (deliveries.length === 0) return;
      runs += deliveries.length;
      await Promise.all(deliveries.map((delivery) => handleDelivery(ports, delivery)));
    }
  };
  const pass = async (ms: Millis, every: Millis = stepMs): Promise<void> => {
    for (let passed = 0; passed < ms; passed += every) {
      clock.advance(Math.min(every, ms - passed));
      await tick(ports.store, ports.queue, clock);
      await settle();
    }
  };
  const rollout = rolloutOf(definition);
  await pass(readyMs + 3_000);
  const applied: Input = { id: 'apply', document: rolloutId(rollout), event: { type: 'definition.applied', definition: rollout as unknown as Json }, receivedAt: clock.now() };
  await runDocument(ports, applied.document, [applied]);
  sandbox.calls.reset();

  return {
    ports,
    sandbox,
    runs: () => runs,
    pass,
    async until(n, what, done, patience = 300_000) {
      for (let passed = 0; passed <= patience; passed += stepMs) {
        const release = await ports.store.load(releaseId({ namespace, name }, n));
        if (release !== undefined && done(release)) return release;
        await pass(stepMs);
      }
      throw new Error(`release ${n} of ${name}: ${what} did not come about within ${patience / 1_000} s`);
    },
    async tell(document, event, urgent = false) {
      const id = `bench/${++inputs}`;
      const lane = urgent ? 'urgent' : 'normal';
      await ports.queue.send([{ id, lane, group: document, body: { type: 'input', input: { id, document, event, receivedAt: clock.now(), by: 'bench', ...(urgent ? { urgent } : {}) } } }]);
      await settle();
    },
    async close() {
      await embedded.close();
      await sandbox.close();
    },
  };
};

export const start: Input['event'] = { type: 'start', image, tag: '1.1.0' };

/** The state's name at the top: `stepping`, `watching` ... */
export const phaseOf = ({ snapshot }: Document): string => (typeof snapshot.value === 'string' ? snapshot.value : (Object.keys(snapshot.value ?? {})[0] ?? ''));

/** The release stands at the gates of its present step: its users are where the step wants them. */
export const isGating = ({ snapshot: { value } }: Document): boolean =>
  typeof value === 'object' && value !== null && 'stepping' in value && typeof value.stepping === 'object' && value.stepping !== null && 'gating' in value.stepping;
