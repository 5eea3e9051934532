import { rolloutId, type Rollout } from '../../../statemachines/definition/rollout.ts';
import { parseDefinitions } from '../../../statemachines/definition/parse.ts';
import type { Document } from '../../../statemachines/document.ts';
import type { Announcement, Fact, Input, InputEvent, Json } from '../../../events/input.ts';
import type { Clock } from '../../../infra/clock.ts';
import { manualClock, type ManualClock } from '../../../infra/cluster/sandbox/manual-clock.ts';
import { createSandbox, type Sandbox } from '../../../infra/cluster/sandbox/sandbox.ts';
import type { Metrics } from '../../../infra/metrics/port.ts';
import type { Ports } from '../../../infra/ports.ts';
import type { Message, Queue } from '../../../infra/queue/port.ts';
import { tick } from '../../../infra/worker/wake.ts';
import { image, namespace, userObjects } from '../../fixtures/demo.ts';
import { reach, spell, type Call, type Hand, type Pass } from './calls.ts';
import { beginInvocation, type Invocation } from './invocation.ts';
import type { Backing, Taken, Tier } from './tier.ts';
import { watch, type Watched } from './watched.ts';

/** What befalls a world. All of it is optional: without any, everything goes well. */
export interface Fault {
  readonly hand?: Hand;
  /** How far the clock of an invocation is off, by its number. */
  readonly skewMs?: (invocation: number) => number;
  /** What is left of a killed invocation: its message comes again, or is gone where losing it loses no input. */
  readonly recovery?: 'restart' | 'redelivery' | 'tick';
  /** Stands in for a provider by which all is well. */
  readonly metrics?: Metrics;
  /** What becomes of the n-th message that is sent: copies of it, or it itself later. */
  readonly post?: (message: Message, n: number) => readonly { readonly message: Message; readonly lateMs: number }[];
  /** How many ticks come at once. */
  readonly ticks?: number;
}

/** Users, objects, functions and their store, in a time that passes only when the driver says so. */
export interface World {
  readonly tier: Tier;
  readonly clock: ManualClock;
  readonly sandbox: Sandbox;
  readonly watched: Watched;
  /** Beneath all faults. */
  readonly queue: Queue;
  readonly store: Ports['store'];
  /** When something may become visible that is hidden now. */
  readonly moments: Set<number>;
  /** Every message that was ever sent, in order. */
  readonly sent: readonly Message[];
  /** Runs the function for the next message, the urgent lane first, until it ends or is stopped in the middle; false when there is none. */
  handleNext(): Promise<boolean>;
  /** The earliest moment at which a document must be looked at. */
  nextWake(): number | undefined;
  /** Sends what is no message at all, where anybody can. */
  readonly sendText: Backing['sendText'];
  /** Runs the tick once. */
  tick(): Promise<void>;
  /** How many ticks come at once. */
  readonly ticks: () => number;
  announce(id: string, fact: Fact): Promise<void>;
  push(tag: string): Promise<void>;
  order(id: string, document: string, event: InputEvent): Promise<void>;
  send(message: Message): Promise<void>;
  release(n: number): Document | undefined;
  /** Requests of users that got no answer of a pod. */
  readonly lost: () => number;
  /** Calls to the world since it was ready. */
  readonly calls: readonly Call[];
  /** Everything that happened, for whoever must understand it. */
  readonly log: readonly string[];
  note(line: string): void;
  /** Replaces the fault, for what comes. */
  befall(fault: Fault): void;
  close(): Promise<void>;
}

const user = { host: 'demo.test', path: '/', method: 'GET', headers: {}, clientIp: '127.0.0.1' };
const healthy: Metrics = { query: () => Promise.resolve({ outcome: 'value', value: 0.01 }) };
const sampleEveryMs = 500;
const proxied = ['IngressRoute', 'Service', 'EndpointSlice'];
/** The definitions say that a proxy takes 50 ms. */
const withinDeclaredLag = [5, 45] as const;

const skewed = (clock: Clock, ms: number): Clock => (ms === 0 ? clock : { now: () => clock.now() + ms, at: (at, callback) => clock.at(at - ms, callback), sleep: clock.sleep });

export const makeWorld = async (tier: Tier, definition: string): Promise<World> => {
  const clock = manualClock();
  const sandbox = createSandbox({ clock, readyDelayMs: 500, lagMs: Object.fromEntries(proxied.map((kind) => [kind, withinDeclaredLag])) });
  sandbox.registry.push(image, '1.0.0', { env: { VERSION: '1.0.0' } });
  const kubectl = sandbox.asUser('kubectl');
  await kubectl.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  for (const object of userObjects()) await kubectl.create(object);
  clock.advance(5_000);

  const backing = await tier.open(clock);
  const watched = watch(sandbox);
  const begun = clock.now();
  const log: string[] = [];
  const calls: Call[] = [];
  const sent: Message[] = [];
  const moments = new Set<number>();
  let fault: Fault = {};
  let invocations = 0;
  let lost = 0;
  const note = (line: string): void => void log.push(`${((clock.now() - begun) / 1_000).toFixed(2).padStart(9)} s  ${line}`);

  /** Something comes into view by then. */
  const hide = (ms: number): void => void moments.add(clock.now() + Math.ceil(ms / tier.grainMs) * tier.grainMs);

  const queue: Queue = {
    ...backing.queue,
    send: async (messages, delayMs = 0) => {
      for (const message of messages) {
        sent.push(message);
        for (const { message: posted, lateMs } of fault.post?.(message, sent.length) ?? [{ message, lateMs: 0 }]) {
          const hiddenMs = delayMs + lateMs;
          await backing.queue.send([posted], hiddenMs);
          if (hiddenMs > 0) hide(hiddenMs);
        }
      }
    },
    release: async (delivery, delayMs) => {
      await backing.queue.release(delivery, delayMs);
      hide(delayMs);
    },
  };

  const ports = (invocation: Invocation): Ports => {
    const pass: Pass = async (of, inner) => {
      await invocation.running();
      const call: Call = { n: calls.length + 1, invocation, ...of };
      calls.push(call);
      note(`  ${invocation.n}. call ${call.n} ${spell(call)}`);
      try {
        const result = await (fault.hand === undefined ? inner() : fault.hand(call, inner));
        if (of.verb === 'save' && (result as { ok: boolean }).ok) invocation.keepsWhatItTook();
        return result;
      } catch (error) {
        note(`  ${invocation.n}. call ${call.n} failed: ${error instanceof Error ? error.message : String(error)}`);
        throw error;
      } finally {
        await invocation.running();
      }
    };
    const its = skewed(clock, invocation.skewMs);
    const base: Ports = {
      clock: its,
      store: watched.store(backing.storeOf((operation, about, inner) => pass({ port: 'request', verb: operation, about, args: [] }, inner), its)),
      queue,
      registry: sandbox.registry,
      cluster: (name) => Promise.resolve(name === 'default' ? watched.cluster : undefined),
      metrics: () => fault.metrics ?? healthy,
    };
    return reach(base, pass);
  };

  const begin = (what: string): Invocation => {
    const n = ++invocations;
    const invocation = beginInvocation(n, what, fault.skewMs?.(n) ?? 0);
    note(`invocation ${n}: ${what}${invocation.skewMs === 0 ? '' : `, its clock ${invocation.skewMs / 1_000} s off`}`);
    return invocation;
  };

  const stop = async (invocation: Invocation, how: 'killed' | 'frozen', taken: Taken | undefined): Promise<void> => {
    note(`invocation ${invocation.n} is ${how}`);
    for (const prefix of ['rollout/', 'release/pro/demo/']) for (const document of await backing.store.list(prefix, 100)) watched.found(document);
    moments.add(clock.now() + tier.visibilityMs);
    if (how === 'frozen' || taken === undefined) return;
    if (fault.recovery === 'restart') await backing.restart?.();
    if (fault.recovery === 'tick' && (taken.body?.type === 'wake' || invocation.kept())) await taken.remove();
  };

  /** What was neither done nor given back comes again when its time is up. */
  const fails = (invocation: Invocation, error: unknown): void => {
    note(`invocation ${invocation.n} failed: ${String(error)}`);
    moments.add(clock.now() + tier.visibilityMs);
  };

  const run = async (invocation: Invocation, done: Promise<unknown>, taken: Taken | undefined): Promise<void> => {
    invocation.ends(done);
    const how = await Promise.race([done.then(() => 'done' as const), invocation.stopped]);
    if (how !== 'done') await stop(invocation, how, taken);
  };

  const world: World = {
    tier,
    clock,
    sandbox,
    watched,
    queue,
    store: backing.store,
    moments,
    sent,
    async handleNext() {
      const taken = (await backing.take('urgent')) ?? (await backing.take('normal'));
      if (taken === undefined) return false;
      const invocation = begin(taken.id);
      const handled = taken.handle(ports(invocation)).then(
        (done) => (done ? undefined : fails(invocation, 'it was not done')),
        (error: unknown) => fails(invocation, error),
      );
      await run(invocation, handled, taken);
      return true;
    },
    nextWake: () => {
      const wakes = [...watched.documents.values()].map(({ wakeAt }) => wakeAt).filter((wakeAt) => wakeAt !== undefined);
      return wakes.length === 0 ? undefined : Math.min(...wakes);
    },
    sendText: backing.sendText,
    async tick() {
      const invocation = begin('tick');
      const { store, queue: to, clock: its } = ports(invocation);
      await run(invocation, tick(store, to, its).catch((error: unknown) => note(`the tick failed: ${String(error)}`)), undefined);
    },
    announce: (id, fact) => {
      const announcement: Announcement = { id, fact, source: 'test', receivedAt: clock.now() };
      return world.send({ id, lane: fact.type === 'alert' ? 'urgent' : 'normal', body: { type: 'announcement', announcement } });
    },
    push: async (tag) => {
      const digest = sandbox.registry.push(image, tag, { env: { VERSION: tag } });
      await world.announce(`push/test/${tag}`, { type: 'image.pushed', image, tag, digest });
    },
    order: (id, document, event) => {
      const urgent = event.type === 'abort' || event.type === 'reject';
      const input: Input = { id, document, event, receivedAt: clock.now(), by: 'ada', ...(urgent ? { urgent } : {}) };
      return world.send({ id, lane: urgent ? 'urgent' : 'normal', group: document, body: { type: 'input', input } });
    },
    send: async (message) => {
      note(`arrives: ${message.id}`);
      await queue.send([message]);
    },
    release: (n) => watched.documents.get(`release/pro/demo/${n}`),
    lost: () => lost,
    calls,
    log,
    note,
    ticks: () => fault.ticks ?? 1,
    befall: (next) => void (fault = next),
    async close() {
      await sandbox.close();
      await backing.close();
    },
  };

  const parsed = parseDefinitions(definition);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  const rollout = parsed.rollouts[0] as Rollout;
  await world.order('apply', rolloutId(rollout), { type: 'definition.applied', definition: rollout as unknown as Json });
  if (!(await world.handleNext())) throw new Error('the definition did not arrive');
  calls.length = 0;
  log.length = 0;
  sent.length = 0;
  invocations = 0;

  const sample = (): void => {
    if (sandbox.gateway.route(user).version === undefined) {
      lost++;
      note('a user got no answer');
    }
    clock.at(clock.now() + sampleEveryMs, sample);
  };
  sample();
  return world;
};
