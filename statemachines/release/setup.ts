import { setup } from 'xstate';
import type { Json, Millis } from '../../events/input.ts';
import { notAbout, policyFor, type FiringAlert } from '../alerts.ts';
import type { EffectName, EffectParams } from '../effects.ts';
import { openContext, type Opening, type ReleaseContext } from './context.ts';
import type { ReleaseEvent } from './events.ts';
import { read } from './readings.ts';

/** Attempts get rarer: 1 s, 1.5 s, 2.25 s ... up to 15 s. */
const backoff = (tries: number): Millis => Math.min(15_000, Math.round(1_000 * 1.5 ** tries));
/** A way back is tried again sooner: 250 ms, 500 ms ... up to 5 s. */
const urgentBackoff = (tries: number): Millis => Math.min(5_000, 250 * 2 ** Math.min(tries, 6));

type EffectActions = { [N in EffectName]: (args: object, params: EffectParams[N]) => void };

/** Effects are named actions with empty bodies: the pure API hands name and params back, and nobody runs them. */
const nothing = (): void => undefined;
const effectActions: EffectActions = {
  'image.resolve': nothing,
  'release.preflight': nothing,
  'autoscaler.pin': nothing,
  'autoscaler.unpin': nothing,
  'fleet.write': nothing,
  'fleet.look': nothing,
  'fleet.delete': nothing,
  'route.plan': nothing,
  'route.write': nothing,
  'route.verify': nothing,
  'route.restore': nothing,
  'route.clean': nothing,
  'template.write': nothing,
  'stable.look': nothing,
  'liveness.look': nothing,
  'analysis.look': nothing,
  'document.send': nothing,
};

/** Names of the delays one analysis uses; each analysis has timers of its own. */
export const lookDelay = (analysis: string): string => `look-${analysis}`;
export const retryDelay = (analysis: string): string => `retry-${analysis}`;

/**
 * What a release machine is made of; `analyses` are the names of those its definition has. Guards say what is the case, assigns live beside the transitions they
 * belong to. Actions that are not effects speak to `advance`: `arm` keeps a way back, `drop` empties the traffic lane, `say` adds a sentence to the journal.
 */
export const releaseSetup = (analyses: readonly string[]) => {
  return setup({
    types: {
      context: {} as ReleaseContext,
      events: {} as ReleaseEvent,
      input: {} as Opening,
    },
    actions: {
      ...effectActions,
      arm: (_: object, _params: { route: string; armed: Json }) => undefined,
      drop: (_: object, _params: { lane: 'traffic' }) => undefined,
      say: (_: object, _params: { text: string }) => undefined,
    },
    guards: {
      /** Something forbids raising exposure: a person, or an alert that was there before the canary. */
      held: ({ context }) => context.paused !== undefined || read.heldByAlert(context),
      paused: ({ context }) => context.paused !== undefined,
      goingDown: ({ context }) => context.wanted < context.weight,
      nothingToRoute: ({ context }) => context.wanted === context.weight && (context.exposedAt !== undefined || context.wanted === 0),
      lastTarget: ({ context }) => read.lastTarget(context),
      lastRoute: ({ context }) => read.lastRoute(context),
      bigEnough: ({ context }) => {
        const target = read.target(context);
        return (context.size[target.name] ?? 0) >= Math.max(1, read.need(context, target));
      },
      armed: ({ context }) => context.armed.includes(read.route(context).route.key),
      allArmed: ({ context }) => read.routes(context).every(({ route }) => context.armed.includes(route.key)),
      scaled: ({ context }) => context.scaled,
      outOfTime: ({ context }) => context.now - context.trying.since > context.rollout.progressDeadlineMs,
      noHold: ({ context }) => context.hold.done,
      gatesOpen: ({ context }) => read.gatesOpen(context),
      fragile: ({ context }) => read.fragile(context) && read.exposed(context),
      nobodyPending: ({ context }) => context.restoring.pending.length === 0,
      allRestored: ({ context }) => context.restoring.pending.length === 0 && context.restoring.failed.length === 0,
      alertAbout: ({ context, event }) =>
        event.type === 'alert' &&
        event.status === 'firing' &&
        policyFor(context.rollout, event.labels)?.do === 'rollback' &&
        notAbout(event, context, context.rollout.skewMs) === undefined,
      alertPauses: ({ context, event }) =>
        event.type === 'alert' &&
        event.status === 'firing' &&
        policyFor(context.rollout, event.labels)?.do === 'pause' &&
        context.paused === undefined &&
        notAbout(event, context, context.rollout.skewMs) === undefined,
    },
    delays: {
      backoff: ({ context }) => backoff(context.trying.tries),
      ready: ({ context }) => (context.trying.tries === 0 && context.readyAfter !== undefined ? Math.min(10_000, Math.max(1_000, context.readyAfter)) : backoff(context.trying.tries)),
      urgentBackoff: ({ context }) => urgentBackoff(context.trying.tries),
      lag: ({ context }) => read.lag(context),
      hold: ({ context }) => context.hold.left,
      watch: ({ context }) => context.rollout.watchMs,
      liveness: ({ context }) => context.rollout.livenessMs,
      livenessRetry: ({ context }) => Math.min(2_000, context.rollout.livenessMs),
      ...Object.fromEntries(
        analyses.flatMap((name) => [
          // Until the end of the interval that the next look measures.
          [lookDelay(name), ({ context }: { context: ReleaseContext }) => Math.max(0, (context.analyses[name]?.until ?? context.now) + (context.rollout.analyses[name]?.intervalMs ?? 0) - context.now)],
          [retryDelay(name), ({ context }: { context: ReleaseContext }) => backoff(Math.min(context.analyses[name]?.looks ?? 0, 4))],
        ]),
      ),
    },
  });
};

export type ReleaseSetup = ReturnType<typeof releaseSetup>;

export const openingContext = ({ input }: { input: Opening }): ReleaseContext => openContext(input);

/** Without one entry. */
export const without = <V>(record: Readonly<Record<string, V>>, key: string): Readonly<Record<string, V>> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));

/** A person has seen them: they hold nothing up any more, and are still not about this release. */
export const waive = (firing: ReleaseContext['firing']): ReleaseContext['firing'] => Object.fromEntries(Object.entries(firing).map(([id, alert]) => [id, { ...alert, waived: true }]));

/** Alerts that are remembered at once; a storm must not fill the document. */
const keptAlerts = 50;
export const remember = (firing: ReleaseContext['firing'], id: string, alert: FiringAlert): ReleaseContext['firing'] =>
  Object.fromEntries([...Object.entries(firing), [id, alert] as const].slice(-keptAlerts));
