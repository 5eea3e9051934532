import type { Document } from '../../statemachines/document.ts';
import type { Effect } from '../../statemachines/effects.ts';
import { noSums } from '../../statemachines/judge.ts';
import type { ReleaseContext } from '../../statemachines/release/context.ts';
import type { RolloutContext } from '../../statemachines/rollout/machine.ts';

/** The one moment at which the abstract world lives. Durations cannot be told apart in it: any armed timer may come at any time. */
export const moment = 1_000_000_000_000;

/** Ids of inputs of which copies come; of all others only the document's own test of freshness depends, and that is asked at once. */
const natural = /^(open|ended|push|approve0|told)/;

const release = (context: ReleaseContext, holdMs: number): ReleaseContext => ({
  ...context,
  startedAt: moment,
  phaseSince: moment,
  stepSince: moment,
  signalAt: undefined,
  exposedAt: context.exposedAt === undefined ? undefined : moment,
  firing: Object.fromEntries(Object.entries(context.firing).map(([id, { waived }]) => [id, { startsAt: moment, name: '', ...(waived === undefined ? {} : { waived }) }])),
  paused: context.paused === undefined ? undefined : { by: '', why: '', since: moment },
  hold: { left: context.hold.left > 0 ? holdMs : 0, since: context.hold.since === undefined ? undefined : moment, done: context.hold.done },
  approved: context.approved === undefined ? undefined : { by: '', comment: undefined },
  analyses: Object.fromEntries(Object.entries(context.analyses).map(([name, { passes, failures }]) => [name, { until: moment, passes: Math.min(passes, 1), failures, looks: 0, sums: noSums }])),
  trying: { since: moment, tries: 0, why: '' },
  zero: Math.min(context.zero, 1),
  readyAfter: undefined,
  aliveAt: 0,
  ready: {},
  seen: Object.fromEntries(Object.entries(context.seen).map(([route, { canary }]) => [route, { canary, at: moment }])),
  ending: context.ending === undefined ? undefined : { outcome: context.ending.outcome, bad: context.ending.bad, reason: '' },
});

const wanted = <T extends { by: string; at: number }>(version: T): T => ({ ...version, by: '', at: moment });

const rollout = (context: RolloutContext): RolloutContext => ({
  ...context,
  active: context.active === undefined ? undefined : wanted(context.active),
  waiting: context.waiting.map(wanted),
  lastGood: context.lastGood.map((version) => ({ ...version, at: moment })),
  quarantined: Object.fromEntries(Object.keys(context.quarantined).map((digest) => [digest, ''])),
  last: context.last === undefined ? undefined : { ...wanted(context.last), reason: '', endedAt: moment },
  firing: Object.fromEntries(Object.keys(context.firing).map((id) => [id, { startsAt: moment, name: '' }])),
});

/** What an effect is told, without the words and moments in it. */
const params = (effect: Effect): Effect['params'] => {
  const { event } = effect.params as { event?: Record<string, unknown> };
  if (event === undefined) return effect.params;
  const told = { ...event, ...('startedBy' in event ? { startedBy: '' } : {}), ...('reason' in event ? { reason: '' } : {}) };
  if ('quarantined' in told) told['quarantined'] = Object.fromEntries(Object.keys(told['quarantined'] as object).map((digest) => [digest, '']));
  if ('firing' in told) told['firing'] = Object.fromEntries(Object.keys(told['firing'] as object).map((id) => [id, { startsAt: moment, name: '' }]));
  return { ...effect.params, event: told as never };
};

export interface NormalForm {
  readonly document: Document;
  /** Key before -> key after, for the effects still in the outbox. */
  readonly keys: ReadonlyMap<string, string>;
}

/**
 * The document without what no decision depends on: version, times, arms, words, journal. Keys of effects become their positions.
 * What depends on durations is decided both ways by whoever sends the inputs.
 */
export const normalForm = (document: Document): NormalForm => {
  const keys = new Map(document.outbox.map(({ key }, at) => [key, `k${at}`]));
  const { wakeAt: _wakeAt, ...kept } = document;
  const definition = document.definition as { steps?: readonly { holdMs: number }[] };
  const context = document.snapshot.context as unknown;
  const holdMs = definition.steps?.[(context as ReleaseContext).step]?.holdMs ?? 0;
  return {
    keys,
    document: {
      ...kept,
      version: 0,
      createdAt: moment,
      updatedAt: moment,
      snapshot: { ...document.snapshot, context: (document.kind === 'release' ? release(context as ReleaseContext, holdMs) : rollout(context as RolloutContext)) as never },
      timers: Object.fromEntries(Object.keys(document.timers).sort().map((name) => [name, { arm: 0, dueAt: moment }])),
      outbox: document.outbox.map((effect) => ({ ...effect, key: keys.get(effect.key) ?? '', params: params(effect) })),
      seen: document.seen.filter((id) => natural.test(id)).sort(),
    },
  };
};

/** Two documents with the same key are the same. The definition is left out: it does not change within one world. */
export const documentKey = ({ machine, snapshot, timers, outbox, armed, seen }: Document): string =>
  JSON.stringify([machine, snapshot.value, snapshot.status, snapshot.context, Object.keys(timers), outbox, armed, seen]);
