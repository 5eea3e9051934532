import type { ReleaseContext } from './context.ts';
import { readyIn, weightIn } from './events.ts';
import { liveness } from './gates.ts';
import { read } from './readings.ts';
import { without, type ReleaseSetup } from './setup.ts';
import { marks } from './walk.ts';

/**
 * Moving users to the wanted weight: capacity first, then routes, then the proof that both were taken. The same for every step and
 * for the promotion, which is a step to 100 % without gates. Ends at `next`; what cannot be done going up ends at `#rollingBack`.
 */
export const shift = (s: ReleaseSetup, next: string) => {
  const { begin, nextOne, tryAgain, giveUp } = marks(s);
  /** Somebody else changed what this release relies on: a person must say what counts. */
  const pauseForForeign = s.assign({
    paused: ({ context, event }) => ({ by: 'sluice', why: 'who' in event ? `${event.who} changed ${event.what}` : 'changed from outside', since: context.now }),
  });
  /** Whoever resumes accepts the object as it is: the next write does not ask again whether it is as we left it. */
  const forgetSeen = s.assign({ seen: ({ context }) => without(context.seen, read.route(context).route.key) });
  const neverReady = s.assign({
    ending: ({ context, event }) => ({
      outcome: 'rolledBack',
      bad: true,
      reason:
        'failing' in event && event.failing !== undefined
          ? `the new version does not come up: ${event.failing}`
          : `the new version was not ready within the progress deadline; ${context.trying.why}`,
    }),
  });

  /** Standing still with users on the canary: it is looked at all the same. */
  const standing = (free: (given: { context: ReleaseContext }) => boolean) =>
    s.createStateConfig({ ...liveness(s, '#rollingBack'), exit: { type: 'drop', params: { lane: 'traffic' } }, always: { guard: free, target: 'choosing' } });
  const blocked = (context: ReleaseContext): boolean => context.paused !== undefined || (context.wanted > context.weight && read.heldByAlert(context));
  /** Once the first route is written, the weight is already that of the step: only a way down is below it. */
  const pausedGoingUp = ({ context }: { context: ReleaseContext }): boolean => context.paused !== undefined && context.wanted >= context.weight;

  /** Refusals and silence have the same answer wherever something is tried on the way up. */
  const goingUp = <E extends string>(effect: E, wait: string) => ({
    [`${effect}.refused`]: { target: '#rollingBack', actions: [giveUp] },
    [`${effect}.unavailable`]: [
      { guard: 'outOfTime' as const, target: '#rollingBack', actions: [giveUp] },
      { target: wait, actions: [tryAgain] },
    ],
  });

  const scaling = s.createStateConfig({
    entry: [begin, s.assign({ scaled: false, zero: 0 })],
    initial: 'choosing',
    states: {
      choosing: {
        always: [
          { guard: 'goingDown', target: 'done' },
          // The promotion of a release whose last step was everybody.
          { guard: ({ context }) => read.promoting(context) && context.cursor === 0 && read.nothingToShift(context), target: 'done' },
          { guard: ({ context }) => context.wanted === 0 && read.stepOf(context)?.replicas === undefined, target: 'done' },
          { guard: 'held', target: 'held' },
          { guard: 'bigEnough', target: 'chosen' },
          { target: 'writing' },
        ],
      },
      held: standing(({ context }) => context.paused === undefined && !read.heldByAlert(context)),
      writing: {
        entry: {
          type: 'fleet.write',
          params: ({ context }) => {
            const target = read.target(context);
            const facts = context.facts[target.name];
            return { target: target.name, replicas: Math.max(1, read.need(context, target)), digest: context.digest ?? '', template: facts?.template ?? '' };
          },
        },
        on: {
          'fleet.write.done': {
            target: 'chosen',
            actions: s.assign({
              scaled: true,
              size: ({ context }) => {
                const target = read.target(context);
                return { ...context.size, [target.name]: Math.max(1, read.need(context, target)) };
              },
            }),
          },
          'fleet.write.changed': { target: 'choosing', actions: [pauseForForeign] },
          ...goingUp('fleet.write', 'waitingToWrite'),
        },
      },
      waitingToWrite: { after: { backoff: 'writing' } },
      chosen: {
        always: [
          { guard: 'lastTarget', target: 'settling', actions: [begin] },
          { target: 'choosing', actions: [nextOne] },
        ],
      },
      // A pod needs a moment: asking at once would only be a call more.
      settling: { always: [{ guard: 'scaled', target: 'waiting' }, { target: 'looking' }] },
      looking: {
        entry: { type: 'fleet.look', params: ({ context }) => ({ target: read.target(context).name }) },
        on: {
          'fleet.look.done': [
            { guard: ({ context, event }) => read.exposed(context) && event.ready === 0 && context.zero >= 1, target: '#rollingBack', actions: [s.assign({ ending: { outcome: 'rolledBack', bad: true, reason: 'the new version lost all its pods while users were on it' } })] },
            {
              guard: ({ context, event }) => event.ready >= Math.max(1, read.need(context, read.target(context))),
              target: 'looked',
              actions: s.assign({
                zero: 0,
                aliveAt: ({ context }) => context.now,
                readyAfter: ({ context }) => (context.scaled ? context.now - context.trying.since : context.readyAfter),
                ready: ({ context, event }) => ({ ...context.ready, [read.target(context).name]: readyIn(event) }),
              }),
            },
            { guard: ({ event }) => event.failing !== undefined, target: '#rollingBack', actions: [neverReady] },
            { guard: 'outOfTime', target: '#rollingBack', actions: [neverReady] },
            {
              target: 'waiting',
              actions: s.assign({
                zero: ({ context, event }) => (readyIn(event) === 0 ? context.zero + 1 : 0),
                ready: ({ context, event }) => ({ ...context.ready, [read.target(context).name]: readyIn(event) }),
                trying: ({ context, event }) => ({
                  since: context.trying.since,
                  tries: context.trying.tries + 1,
                  why: `${readyIn(event)} of ${Math.max(1, read.need(context, read.target(context)))} pods are ready`,
                }),
              }),
            },
          ],
          ...goingUp('fleet.look', 'waiting'),
        },
      },
      waiting: { after: { ready: 'looking' } },
      looked: {
        always: [
          { guard: ({ context }) => !read.lastTarget(context), target: 'looking', actions: [nextOne] },
          { guard: 'scaled', target: 'spreading' },
          { target: 'done' },
        ],
      },
      // Endpoints and routes reach a proxy by separate watches (invariant 2).
      spreading: { after: { lag: 'done' } },
      done: { type: 'final' },
    },
    onDone: [{ guard: 'nothingToRoute', target: next }, { target: 'routing' }],
  });

  const routing = s.createStateConfig({
    entry: [begin],
    initial: 'choosing',
    states: {
      // Every route is armed before the first is written, so that one abort takes all of them back.
      choosing: {
        always: [
          { guard: ({ context }) => context.wanted === 0 && context.exposedAt === undefined, target: 'done' },
          { guard: ({ context }) => blocked(context), target: 'held' },
          { guard: 'allArmed', target: 'writing', actions: [begin] },
          { guard: 'armed', target: 'choosing', actions: [nextOne], reenter: true },
          { target: 'planning' },
        ],
      },
      held: standing(({ context }) => !blocked(context)),
      planning: {
        entry: {
          type: 'route.plan',
          params: ({ context }) => {
            const { target, route } = read.route(context);
            return { target: target.name, route: route.key, canary: context.wanted };
          },
        },
        on: {
          'route.plan.done': {
            target: 'choosing',
            actions: [
              { type: 'arm', params: ({ context, event }) => ({ route: read.route(context).route.key, armed: event.armed }) },
              s.assign({ armed: ({ context }) => [...new Set([...context.armed, read.route(context).route.key])], cursor: 0 }),
            ],
          },
          ...goingUp('route.plan', 'waitingToPlan'),
        },
      },
      waitingToPlan: { after: { backoff: 'planning' } },
      writing: {
        entry: [
          s.assign({
            exposedAt: ({ context }) => context.exposedAt ?? (context.wanted > 0 ? context.now : undefined),
            // Users are where the higher of the two says until the last route is written.
            weight: ({ context }) => Math.max(context.weight, context.wanted),
          }),
          {
            type: 'route.write',
            params: ({ context }) => {
              const { target, route } = read.route(context);
              return { target: target.name, route: route.key, canary: context.wanted === 0 ? null : context.wanted };
            },
          },
        ],
        on: {
          'route.write.done': [
            { guard: 'lastRoute', target: 'spreading', actions: s.assign({ weight: ({ context }) => context.wanted }) },
            { guard: pausedGoingUp, target: 'choosing' },
            { target: 'writing', actions: [nextOne], reenter: true },
          ],
          // The way back in the document no longer fits, but it is still the only one there is, until the plan gives another.
          'route.write.disarmed': 'planning',
          'route.write.foreign': { target: 'choosing', actions: [pauseForForeign, forgetSeen, s.assign({ cursor: 0 })] },
          ...goingUp('route.write', 'waitingToWrite'),
        },
      },
      waitingToWrite: { after: { backoff: [{ guard: pausedGoingUp, target: 'choosing' }, { target: 'writing' }] } },
      spreading: { after: { lag: 'verifying' }, entry: [begin] },
      verifying: {
        entry: {
          type: 'route.verify',
          params: ({ context }) => {
            const { target, route } = read.route(context);
            return { target: target.name, route: route.key, canary: context.wanted === 0 ? null : context.wanted };
          },
        },
        on: {
          'route.verify.done': [
            { guard: 'lastRoute', target: 'done', actions: s.assign({ seen: ({ context, event }) => ({ ...context.seen, [read.route(context).route.key]: { canary: weightIn(event), at: context.now } }) }) },
            {
              target: 'verifying',
              reenter: true,
              actions: s.assign({
                seen: ({ context, event }) => ({ ...context.seen, [read.route(context).route.key]: { canary: weightIn(event), at: context.now } }),
                cursor: ({ context }) => context.cursor + 1,
              }),
            },
          ],
          'route.verify.notYet': [
            { guard: 'outOfTime', target: '#rollingBack', actions: [giveUp] },
            { target: 'waitingToVerify', actions: [tryAgain] },
          ],
          'route.verify.foreign': { target: 'choosing', actions: [pauseForForeign, forgetSeen, s.assign({ cursor: 0 })] },
          ...goingUp('route.verify', 'waitingToVerify'),
        },
      },
      waitingToVerify: { after: { backoff: 'verifying' } },
      done: { type: 'final' },
    },
    onDone: { target: next },
  });

  return { scaling, routing };
};
