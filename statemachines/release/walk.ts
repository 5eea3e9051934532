import type { EffectName, EffectParams } from '../effects.ts';
import type { ReleaseContext } from './context.ts';
import { read } from './readings.ts';
import type { ReleaseSetup } from './setup.ts';

/** Assigns that every phase shares. */
export const marks = (s: ReleaseSetup) => ({
  /** A phase begins: at the first target or route, with fresh attempts. */
  begin: s.assign({ cursor: 0, trying: ({ context }) => ({ since: context.now, tries: 0, why: '' }), phaseSince: ({ context }) => context.now }),
  nextOne: s.assign({ cursor: ({ context }) => context.cursor + 1, trying: ({ context }) => ({ since: context.now, tries: 0, why: '' }) }),
  tryAgain: s.assign({
    trying: ({ context, event }) => ({ since: context.trying.since, tries: context.trying.tries + 1, why: 'reason' in event ? event.reason : context.trying.why }),
  }),
  /** Why the way up is given up. The version is not to blame for what the world refused. */
  giveUp: s.assign({
    ending: ({ event }) => ({ outcome: 'rolledBack', reason: 'reason' in event ? event.reason : 'it took longer than the progress deadline', bad: false }),
  }),
});

interface Walk<N extends EffectName> {
  readonly effect: N;
  readonly over: 'targets' | 'routes';
  readonly params: (context: ReleaseContext) => EffectParams[N];
  /** Entries that need nothing done. */
  readonly skip?: (context: ReleaseContext) => boolean;
  readonly wait: 'backoff' | 'urgentBackoff';
  /** Where to go when it cannot be done, or not in time; without it the walk never gives up. */
  readonly giveUp?: string;
  /** Outcomes beside `done`, `unavailable` and `refused`, with the transition each makes. */
  readonly others?: Readonly<Record<string, object>>;
}

/**
 * One effect for each target or route in turn, asked again after a wait until it succeeds. A compound state that is done when the
 * last one is; give it `onDone`.
 */
export const walk = <N extends EffectName>(s: ReleaseSetup, { effect, over, params, skip, wait, giveUp, others = {} }: Walk<N>) => {
  const { begin, nextOne, tryAgain, giveUp: because } = marks(s);
  const count = (context: ReleaseContext): number => (over === 'targets' ? context.rollout.targets.length : read.routes(context).length);
  const again = { target: 'waiting', actions: [tryAgain] };
  const on: Record<string, object> = {
    [`${effect}.done`]: { target: 'choosing', actions: [nextOne] },
    [`${effect}.refused`]: giveUp === undefined ? again : { target: giveUp, actions: [because] },
    [`${effect}.unavailable`]: giveUp === undefined ? again : [{ guard: 'outOfTime', target: giveUp, actions: [because] }, again],
    ...others,
  };
  return s.createStateConfig({
    entry: begin,
    initial: 'choosing',
    states: {
      choosing: {
        always: [
          { guard: ({ context }) => context.cursor >= count(context), target: 'done' },
          { guard: ({ context }) => skip?.(context) === true, target: 'choosing', reenter: true, actions: [nextOne] },
          { target: 'acting' },
        ],
      },
      acting: {
        // The pair of name and parameters is right by the signature above; XState's union of actions cannot follow the generic.
        entry: { type: effect, params: ({ context }: { context: ReleaseContext }) => params(context) } as never,
        on,
      },
      waiting: { after: { [wait]: { target: 'acting' } } },
      done: { type: 'final' },
    },
  });
};
