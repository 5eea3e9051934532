import type { Json } from '../../events/input.ts';
import { alertName, firingId, notAbout, policyFor } from '../alerts.ts';
import { rolloutId } from '../definition/rollout.ts';
import { autoscalerOf, retire, rollingBack } from './back.ts';
import type { Ending, ReleaseContext } from './context.ts';
import type { ReleaseEvent } from './events.ts';
import { gates, liveness } from './gates.ts';
import { read } from './readings.ts';
import { openingContext, releaseSetup, remember, waive, without } from './setup.ts';
import { restoring, settling } from './settle.ts';
import { shift } from './shift.ts';
import { marks, walk } from './walk.ts';

/** Names the shape of snapshots. A change of states, timers or context that old snapshots do not fit takes the next number. */
export const releaseMachineVersion = 'release/1';

/** The machine of one release of this definition (DESIGN section 4). Cache it: building one costs about a millisecond. */
export const releaseMachine = (names: readonly string[]) => {
  const s = releaseSetup(names);
  const { begin, tryAgain } = marks(s);
  const { hold, analyses, open } = gates(s, names);

  /** A step begins with its own weight and its gates shut. Index `steps.length` is the promotion. */
  const enterStep = (which: (context: ReleaseContext, event: ReleaseEvent) => number) =>
    s.assign(({ context, event }) => {
      const step = which(context, event);
      const holdMs = context.rollout.steps[step]?.holdMs ?? 0;
      return { step, wanted: context.rollout.steps[step]?.weight ?? 100, approved: undefined, analyses: {}, hold: { left: holdMs, since: undefined, done: holdMs === 0 }, phaseSince: context.now, stepSince: context.now };
    });
  const nextStep = enterStep((context) => context.step + 1);
  const isLastStep = ({ context }: { context: ReleaseContext }): boolean => context.step + 1 >= context.rollout.steps.length;

  const end = (ending: (event: ReleaseEvent) => Ending) => s.assign({ ending: ({ event }) => ending(event) });
  const aborted = end((event) => ({ outcome: 'rolledBack', reason: event.type === 'abort' ? event.reason : 'aborted', bad: false, by: event.by }));
  const superseded = end((event) => ({ outcome: 'rolledBack', reason: `superseded by ${event.type === 'supersede' ? event.tag : 'a newer version'}`, bad: false }));
  const rejected = end((event) => ({ outcome: 'rolledBack', reason: `rejected${event.type === 'reject' && event.comment !== undefined ? `: ${event.comment}` : ''}`, bad: false, by: event.by }));
  const byAlert = end((event) => ({ outcome: 'rolledBack', reason: event.type === 'alert' ? `alert ${alertName(event)}${event.summary === '' ? '' : `: ${event.summary}`}` : 'an alert', bad: true }));
  const notStarted = (outcome: 'cancelled' | 'refused') =>
    end((event) => ({ outcome, reason: 'reason' in event ? String(event.reason) : event.type === 'supersede' ? `superseded by ${event.tag}` : 'cancelled', bad: false, by: event.by }));

  /** What an alert does while users may be on the canary. `back` is the way back from where the release is. */
  const backByAlert = (back: string) => ({ guard: 'alertAbout' as const, target: back, actions: [byAlert] });
  const onAlert = (back: string) => [
    backByAlert(back),
    {
      guard: 'alertPauses' as const,
      actions: s.assign({ paused: ({ context, event }) => ({ by: 'sluice', why: event.type === 'alert' ? `alert ${alertName(event)}` : 'an alert', since: context.now }) }),
    },
    ...onAlertBefore,
  ];
  /** What every state does with alerts: remember those that fire before the canary meets anybody, forget what is over, explain the rest. */
  const onAlertBefore = [
    {
      guard: ({ context, event }: { context: ReleaseContext; event: ReleaseEvent }) => event.type === 'alert' && event.status === 'resolved' && firingId(event) in context.firing,
      actions: s.assign({ firing: ({ context, event }) => (event.type === 'alert' ? without(context.firing, firingId(event)) : context.firing) }),
    },
    {
      guard: ({ context, event }: { context: ReleaseContext; event: ReleaseEvent }) =>
        event.type === 'alert' && event.status === 'firing' && context.exposedAt === undefined && policyFor(context.rollout, event.labels) !== undefined && !(firingId(event) in context.firing),
      actions: s.assign({
        firing: ({ context, event }) =>
          event.type === 'alert' ? remember(context.firing, firingId(event), { startsAt: event.startsAt, name: alertName(event) }) : context.firing,
      }),
    },
    {
      guard: ({ context, event }: { context: ReleaseContext; event: ReleaseEvent }) => event.type === 'alert' && event.status === 'firing' && policyFor(context.rollout, event.labels) !== undefined,
      actions: {
        type: 'say' as const,
        params: ({ context, event }: { context: ReleaseContext; event: ReleaseEvent }) => ({
          text: event.type === 'alert' ? `alert ${alertName(event)} is not about this release: ${notAbout(event, context, context.rollout.skewMs) ?? 'it is being dealt with already'}` : '',
        }),
      },
    },
  ];

  // The end of an alert may never be told; a person can say to go on without it.
  const goOn = s.assign({ paused: undefined, firing: ({ context }) => waive(context.firing) });
  const pausable = {
    pause: { guard: ({ context }: { context: ReleaseContext }) => context.paused === undefined, actions: s.assign({ paused: ({ context, event }) => ({ by: event.by, why: 'by hand', since: context.now }) }) },
    resume: { guard: 'held' as const, actions: [goOn] },
    retry: { guard: 'held' as const, actions: [goOn] },
  };

  const sendEnding = {
    type: 'document.send' as const,
    params: ({ context }: { context: ReleaseContext }) => ({
      to: rolloutId(context.rollout),
      id: `ended/${context.rollout.namespace}/${context.rollout.name}/${context.n}`,
      urgent: false,
      event: {
        type: 'release.ended',
        release: context.n,
        outcome: context.ending?.outcome ?? 'completed',
        reason: context.ending?.reason ?? '',
        bad: context.ending?.bad ?? false,
        image: context.image,
        tag: context.tag,
        digest: context.digest,
        at: context.now,
      } satisfies Record<string, Json | undefined>,
    }),
  };

  const stepShift = shift(s, 'gating');
  const lastShift = shift(s, '#watching');

  return s.createMachine({
    id: 'release',
    context: openingContext,
    initial: 'preparing',
    states: {
      preparing: {
        initial: 'resolving',
        on: {
          abort: { target: '#cancelled', actions: [notStarted('cancelled')] },
          supersede: { target: '#cancelled', actions: [notStarted('cancelled')] },
          alert: onAlertBefore,
        },
        states: {
          resolving: {
            entry: {
              type: 'image.resolve',
              params: ({ context }) => ({
                image: context.image,
                ...(context.tag === undefined ? {} : { tag: context.tag }),
                ...(context.digest === undefined ? {} : { digest: context.digest }),
              }),
            },
            on: {
              'image.resolve.done': [
                {
                  guard: ({ context, event }) => event.digest in context.quarantined,
                  target: '#refused',
                  actions: s.assign({
                    digest: ({ event }) => ('digest' in event ? event.digest : undefined),
                    ending: ({ context, event }) => ({ outcome: 'refused', bad: false, reason: `this digest is quarantined: ${'digest' in event ? (context.quarantined[event.digest ?? ''] ?? '') : ''}` }),
                  }),
                },
                { target: 'preflight', actions: [s.assign({ digest: ({ event }) => ('digest' in event ? event.digest : undefined) }), begin] },
              ],
              'image.resolve.unknown': { target: '#refused', actions: [notStarted('refused')] },
              'image.resolve.refused': { target: '#refused', actions: [notStarted('refused')] },
              'image.resolve.unavailable': [
                { guard: 'outOfTime', target: '#refused', actions: [notStarted('refused')] },
                { target: 'waitingToResolve', actions: [tryAgain] },
              ],
            },
          },
          waitingToResolve: { after: { backoff: 'resolving' } },
          preflight: {
            entry: { type: 'release.preflight', params: ({ context }) => ({ digest: context.digest ?? '' }) },
            on: {
              'release.preflight.done': { target: '#stepping', actions: [s.assign({ facts: ({ event }) => ('targets' in event ? event.targets : {}) }), enterStep(() => 0)] },
              'release.preflight.refused': { target: '#refused', actions: [notStarted('refused')] },
              'release.preflight.unavailable': [
                { guard: 'outOfTime', target: '#refused', actions: [notStarted('refused')] },
                { target: 'waitingToAsk', actions: [tryAgain] },
              ],
            },
          },
          waitingToAsk: { after: { backoff: 'preflight' } },
        },
      },

      stepping: {
        id: 'stepping',
        initial: 'pinning',
        on: {
          abort: { target: '#rollingBack', actions: [aborted] },
          supersede: { target: '#rollingBack', actions: [superseded] },
          alert: onAlert('#rollingBack'),
          ...pausable,
        },
        states: {
          // As users leave stable its load falls, and its autoscaler would shrink it below what an abort needs.
          pinning: {
            ...walk(s, {
              effect: 'autoscaler.pin',
              over: 'targets',
              wait: 'backoff',
              giveUp: '#rollingBack',
              skip: (context) => context.facts[read.target(context).name]?.autoscaler === undefined,
              params: (context) => {
                const target = read.target(context).name;
                return { ...autoscalerOf(context, target), min: context.facts[target]?.replicas ?? 1 };
              },
            }),
            onDone: 'scaling',
          },
          ...stepShift,
          gating: {
            type: 'parallel',
            entry: open,
            // Looks under way ask about a step that is over.
            exit: { type: 'drop', params: { lane: 'traffic' } },
            always: [
              { guard: ({ context }) => isLastStep({ context }) && read.gatesOpen(context), target: '#promoting', actions: [nextStep] },
              { guard: 'gatesOpen', target: 'scaling', actions: [nextStep] },
            ],
            on: {
              promote: { guard: ({ context }) => !context.hold.done, actions: s.assign({ hold: ({ context }) => ({ ...context.hold, done: true }) }) },
              skip: [
                { guard: isLastStep, target: '#promoting', actions: [nextStep] },
                { target: 'scaling', actions: [nextStep] },
              ],
              jump: {
                guard: ({ context, event }) => event.step >= 0 && event.step < context.rollout.steps.length && event.step !== context.step,
                target: 'scaling',
                actions: [enterStep((context, event) => (event.type === 'jump' ? event.step : context.step))],
              },
              setWeight: {
                guard: ({ context, event }) => event.weight >= 0 && event.weight <= 100 && event.weight !== context.weight,
                target: 'scaling',
                actions: s.assign({
                  wanted: ({ event }) => (event.type === 'setWeight' ? event.weight : 0),
                  hold: ({ context }) => {
                    const holdMs = read.stepOf(context)?.holdMs ?? 0;
                    return { left: holdMs, since: undefined, done: holdMs === 0 };
                  },
                }),
              },
              approve: {
                guard: ({ context, event }) => event.step === context.step && event.question === read.stepOf(context)?.question && context.approved === undefined,
                actions: s.assign({ approved: ({ event }) => ({ by: event.by, comment: event.type === 'approve' ? event.comment : undefined }) }),
              },
              reject: {
                guard: ({ context, event }) => event.step === context.step && event.question === read.stepOf(context)?.question && context.approved === undefined,
                target: '#rollingBack',
                actions: [rejected],
              },
            },
            states: { hold, liveness: liveness(s, '#rollingBack'), ...analyses },
          },
        },
      },

      /** The last shift: all users on the canary at full capacity. Stable is still as it was. */
      promoting: {
        id: 'promoting',
        initial: 'scaling',
        on: { abort: { target: '#rollingBack', actions: [aborted] }, alert: onAlert('#rollingBack'), ...pausable },
        states: lastShift,
      },

      /** All users on the canary, stable still at full size: the armed write is still the way back, instantly. */
      watching: {
        id: 'watching',
        type: 'parallel',
        entry: begin,
        exit: { type: 'drop', params: { lane: 'traffic' } },
        on: { abort: { target: '#rollingBack', actions: [aborted] }, alert: onAlert('#rollingBack'), ...pausable },
        states: {
          clock: {
            initial: 'running',
            states: {
              running: { after: { watch: 'over' } },
              over: { always: { guard: ({ context }) => context.paused === undefined, target: '#settling' } },
            },
          },
          liveness: liveness(s, '#rollingBack'),
        },
      },

      // Nothing pauses here, neither people nor alerts: half a settled version helps nobody.
      settling: {
        id: 'settling',
        on: { abort: { target: '#restoring', actions: [aborted] }, alert: [backByAlert('#restoring'), ...onAlertBefore] },
        ...settling(s),
      },

      /** Users are on the healthy canary, stable does not come up: a person must say what now. */
      halted: {
        id: 'halted',
        type: 'parallel',
        exit: { type: 'drop', params: { lane: 'traffic' } },
        on: { abort: { target: '#restoring', actions: [aborted] }, alert: [backByAlert('#restoring'), ...onAlertBefore], retry: '#settling' },
        states: { person: {}, liveness: liveness(s, '#restoring') },
      },

      rollingBack: { id: 'rollingBack', on: { abort: {} }, ...rollingBack(s) },
      retiring: { id: 'retiring', on: { abort: {} }, ...retire(s, '#rolledBack') },
      restoring: { id: 'restoring', on: { abort: {} }, ...restoring(s) },

      completed: { id: 'completed', type: 'final', entry: [s.assign({ ending: { outcome: 'completed', reason: '', bad: false } }), sendEnding] },
      rolledBack: { id: 'rolledBack', type: 'final', entry: sendEnding },
      cancelled: { id: 'cancelled', type: 'final', entry: [{ type: 'drop', params: { lane: 'traffic' } }, sendEnding] },
      refused: { id: 'refused', type: 'final', entry: sendEnding },
    },
  });
};
