import { initialTransition, type AnyMachineSnapshot, type AnyStateMachine } from 'xstate';
import type { DocumentId, Input, Json, Millis, Trace } from '../events/input.ts';
import { bump, type Advanced } from './advanced.ts';
import { claimsOf, indexOf, type Rollout } from './definition/rollout.ts';
import type { ArmedWrite, Document, Snapshot, Timer } from './document.ts';
import { effectTable, isEffectName, type Effect } from './effects.ts';
import { machineOf, machineVersions } from './machines.ts';
import { rescue } from './rescue.ts';
import { awaitedTimers, timerEvent, timerName } from './timers.ts';
import { pureTransition, type Wish } from './transition.ts';

/**
 * One input for one document, judged at `now`. Pure: no clock, no I/O, no randomness; the same arguments give the same result.
 * `moved` and `noted` give a document of a higher version and its journal row, to be saved under the condition that the stored
 * version is still the old one. `duplicate`, `stale` and `early` give the document as it was.
 */
export const advance = (document: Document | undefined, input: Input, now: Millis): Advanced => {
  if (document === undefined) return open(input, now);
  const refused = judgeFreshness(document, input, now);
  if (refused !== undefined) return { outcome: refused, document };
  const aside = answerAside(document, input, now);
  if (aside !== undefined) return aside;

  const restored = restore(document, now);
  if (restored === undefined) return rescue(document, input, now);
  const { machine, snapshot } = restored;
  const event = eventOf(document, input, snapshot);
  if (event === undefined) return { outcome: 'stale', document };
  const [next, actions] = pureTransition(machine, snapshot, event);
  // XState returns the same object for transitions that only have actions: both must be asked.
  const moved = next !== snapshot || actions.length > 0;
  return settle(document, input, machine, next, actions, moved ? 'moved' : 'noted', now);
};

/** Inputs that create the document they are addressed to. */
const open = (input: Input, now: Millis): Advanced => {
  const kind = input.document.startsWith('rollout/') ? 'rollout' : 'release';
  const opens = kind === 'rollout' ? 'definition.applied' : 'release.opened';
  const { definition } = input.event;
  if (input.event.type !== opens || definition === undefined) return { outcome: 'stale', document: undefined };
  const machine = machineOf(kind, definition);
  const blank: Document = {
    id: input.document,
    kind,
    machine: machineVersions[kind],
    version: 0,
    snapshot: { status: 'active', value: null, context: {} },
    definition,
    timers: {},
    outbox: [],
    armed: {},
    seen: [],
    index: kind === 'rollout' ? indexOf(definition as unknown as Rollout) : [],
    claims: kind === 'rollout' ? claimsOf(definition as unknown as Rollout) : [],
    ...(input.trace === undefined ? {} : { trace: input.trace }),
    createdAt: now,
    updatedAt: now,
  };
  const [next, actions] = initialTransition(machine, { ...input.event, now } as never) as [AnyMachineSnapshot, readonly Wish[]];
  return settle(blank, input, machine, next, actions, 'moved', now);
};

/** Results and timers are recognised by key and arm, inputs from outside by their natural key. */
const judgeFreshness = (document: Document, input: Input, now: Millis): 'duplicate' | 'stale' | 'early' | undefined => {
  const { effect, timer } = input;
  if (effect !== undefined) return document.outbox.some(({ key, name }) => key === effect.key && name === effect.name) ? undefined : 'stale';
  if (timer !== undefined) {
    const armed = document.timers[timer.name];
    if (armed === undefined || armed.arm !== timer.arm) return 'stale';
    return now < armed.dueAt ? 'early' : undefined;
  }
  return document.seen.includes(input.id) ? 'duplicate' : undefined;
};

/** Effects beside the release need no machine: done ones leave the outbox, others stay in it and are performed again. */
const answerAside = (document: Document, input: Input, now: Millis): Advanced | undefined => {
  const { effect } = input;
  if (effect === undefined || !isEffectName(effect.name) || effectTable[effect.name].lane !== 'aside') return undefined;
  const done = input.event.type === `${effect.name}.done`;
  const outbox = done ? document.outbox.filter(({ key }) => key !== effect.key) : document.outbox;
  return bump(document, input, { outbox }, done ? 'moved' : 'noted', now, []);
};

const restore = (document: Document, now: Millis): { machine: AnyStateMachine; snapshot: AnyMachineSnapshot } | undefined => {
  if (document.machine !== machineVersions[document.kind]) return undefined;
  try {
    const machine = machineOf(document.kind, document.definition);
    const snapshot = machine.restoreSnapshot({ ...document.snapshot, context: { ...document.snapshot.context, now, rollout: document.definition }, historyValue: {}, children: {} } as never, {} as never) as AnyMachineSnapshot;
    // A leaf that became compound restores without entering: its timers are missing.
    const armed = Object.keys(document.timers).sort().join();
    return [...awaitedTimers(snapshot)].sort().join() === armed ? { machine, snapshot } : undefined;
  } catch {
    return undefined;
  }
};

const eventOf = (document: Document, input: Input, snapshot: AnyMachineSnapshot): { type: string } | undefined => {
  const { effect, timer } = input;
  const envelope = { by: input.by ?? 'sluice', id: input.id, receivedAt: input.receivedAt };
  if (timer !== undefined) {
    const type = timerEvent(snapshot, timer.name);
    return type === undefined ? undefined : { ...envelope, type };
  }
  const of = effect === undefined ? {} : { of: document.outbox.find(({ key }) => key === effect.key)?.params };
  return { ...input.event, ...of, ...envelope };
};

/** Turns XState's actions into timers and effects, in their order, and gives the document of the next version. */
const settle = (document: Document, input: Input, machine: AnyStateMachine, next: AnyMachineSnapshot, actions: readonly Wish[], outcome: 'moved' | 'noted', now: Millis): Advanced => {
  const version = document.version + 1;
  const timers: Record<string, Timer> = { ...document.timers };
  let { outbox, armed, definition, index, claims } = document;
  const said: string[] = [];
  const effects: Effect[] = [];
  if (input.effect !== undefined) outbox = outbox.filter(({ key }) => key !== input.effect?.key);
  if (input.timer !== undefined) delete timers[input.timer.name];

  for (const { type, params } of actions) {
    const given = params as Record<string, Json> & { delay?: number; id?: string; sendId?: string };
    if (type === 'xstate.cancel') delete timers[timerName(given.sendId ?? '') ?? ''];
    else if (type === 'xstate.raise') {
      // Without a delay it is an event that the same step has already taken in.
      const name = timerName(given.id ?? '');
      if (given.delay !== undefined && name !== undefined) timers[name] = { arm: version, dueAt: now + given.delay };
    } else if (type === 'say') {
      if (given['text'] !== '') said.push(String(given['text']));
    } else if (type === 'drop') {
      outbox = outbox.filter(({ name }) => effectTable[name].lane !== given['lane']);
      effects.splice(0, effects.length, ...effects.filter(({ name }) => effectTable[name].lane !== given['lane']));
    } else if (type === 'arm') armed = { ...armed, [String(given['route'])]: given['armed'] as unknown as ArmedWrite };
    else if (type === 'define') {
      definition = given['definition'] as Json;
      index = indexOf(definition as unknown as Rollout);
      claims = [...new Set([...claims, ...claimsOf(definition as unknown as Rollout)])];
    } else if (isEffectName(type)) effects.push({ key: `${version}/${effects.length}`, name: type, params: given });
    else if (type !== '(anonymous)' && !type.startsWith('xstate.assign')) throw new Error(`the machine ${machine.id} asks for ${JSON.stringify(type)}, which no effect is called`);
    else if (type === '(anonymous)') throw new Error(`the machine ${machine.id} has an inline action, which nobody would run`);
  }
  const keyed = effects.map((effect, at) => ({ ...effect, key: `${version}/${at}`, ...traceOf(input, document) }));
  const { value, context, status } = machine.getPersistedSnapshot(next) as unknown as Snapshot;
  // A release that began under an earlier definition still holds what that one named.
  if (document.kind === 'rollout' && context['active'] === undefined) claims = claimsOf(definition as unknown as Rollout);
  const changes = { snapshot: { status, value, context: plain(context) }, timers, outbox: [...outbox, ...keyed], armed, definition, index, claims };
  return bump(document, input, changes, outcome, now, keyed, said.join('; '));
};

/** Drops what is not the release's own, and what JSON would drop, so that a document is the same before and after it was stored. */
const plain = ({ now: _now, rollout: _rollout, ...context }: Snapshot['context']): Snapshot['context'] => JSON.parse(JSON.stringify(context)) as Snapshot['context'];

/** A timer has no sender: it goes on with what the document began with. */
const traceOf = (input: Input, document: Document): { readonly trace?: Trace } => {
  const trace = input.trace ?? document.trace;
  return trace === undefined ? {} : { trace };
};

/** Inputs for the timers of a document that are due, earliest first. */
export const dueTimers = (document: Document, now: Millis): readonly Input[] =>
  Object.entries(document.timers)
    .filter(([, { dueAt }]) => dueAt <= now)
    .sort(([, a], [, b]) => a.dueAt - b.dueAt)
    .map(([name, { arm }]) => ({ id: `timer/${document.id}/${name}/${arm}`, document: document.id, event: { type: 'timer' }, receivedAt: now, timer: { name, arm }, ...(document.trace === undefined ? {} : { trace: document.trace }) }));

/** The input that brings the result of an effect home, with what it took. */
export const resultInput = (document: DocumentId, effect: Effect, event: Input['event'], now: Millis, cost?: Input['cost']): Input => ({
  id: `result/${document}/${effect.key}/${event.type}`,
  document,
  event,
  receivedAt: now,
  effect: { key: effect.key, name: effect.name },
  ...(cost === undefined ? {} : { cost }),
  ...(effect.trace === undefined ? {} : { trace: effect.trace }),
});
