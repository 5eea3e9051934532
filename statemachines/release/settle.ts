import { retire } from './back.ts';
import type { ReleaseEvent } from './events.ts';
import { read } from './readings.ts';
import type { ReleaseSetup } from './setup.ts';
import { marks, walk } from './walk.ts';

/** Ready endpoints of the canary, where the look asked for them. */
const canaryIn = (event: ReleaseEvent): number | undefined => (event.type === 'stable.look.done' ? event.canary : undefined);

/** Routes without our entries: written, given time to spread, and proved. Never gives up: users must get off the canary. */
const routesToStable = (s: ReleaseSetup) => {
  const { tryAgain } = marks(s);
  const ours = (context: Parameters<typeof read.route>[0]) => ({ target: read.route(context).target.name, route: read.route(context).route.key, canary: null });
  // Whoever changed the object meanwhile, users must still get off the canary: ask again until they are.
  const again = { target: 'waiting', actions: [tryAgain] };
  return {
    routing: {
      ...walk(s, {
        effect: 'route.write',
        over: 'routes',
        wait: 'urgentBackoff',
        params: ours,
        others: { 'route.write.foreign': again, 'route.write.disarmed': again },
      }),
      onDone: 'spreading',
    },
    spreading: { entry: s.assign({ weight: 0, seen: {} }), after: { lag: 'verifying' } },
    verifying: {
      ...walk(s, {
        effect: 'route.verify',
        over: 'routes',
        wait: 'backoff',
        params: ours,
        others: { 'route.verify.notYet': again, 'route.verify.foreign': again },
      }),
      onDone: 'retiring',
    },
  } as const;
};

/** Looks at stable until every target has all its pods on the image. `halt` is where it goes when it does not come up; without it the look never gives up. */
const lookAtStable = (s: ReleaseSetup, image: 'pinned' | 'image', halt: string | undefined) => {
  const { begin, nextOne, tryAgain } = marks(s);
  /** Somebody wrote another image: on the way on a person must say what counts, on the way back ours is written again. */
  const foreign = {
    guard: ({ event }: { event: { foreign?: string } }) => event.foreign !== undefined,
    actions: [s.assign({ trying: ({ context, event }) => ({ ...context.trying, why: 'foreign' in event ? (event.foreign ?? '') : context.trying.why }) })],
  };
  const stuck = (why: string) => s.assign({ trying: ({ context }) => ({ ...context.trying, why }) });
  return s.createStateConfig({
    entry: begin,
    initial: 'waiting',
    states: {
      looking: {
        entry: {
          type: 'stable.look',
          params: ({ context }) => {
            const target = read.target(context).name;
            // While users wait on a canary that could take the route down, its own endpoints are looked at as often as `liveness` says.
            const due = halt === undefined || context.zero > 0 || context.now - context.aliveAt >= context.rollout.livenessMs;
            return { target, image: context.facts[target]?.[image] ?? '', canary: read.fragile(context) && due };
          },
        },
        on: {
          'stable.look.done': [
            { guard: ({ context, event }) => event.done && read.lastTarget(context), target: 'done' },
            { guard: ({ event }) => event.done, target: 'looking', reenter: true, actions: [nextOne] },
            ...(halt === undefined
              ? // Users leave a dead canary as soon as stable can carry them, whatever mix of versions it is by then.
                [{ guard: ({ event }: { event: { canary?: number; ready: number; wanted: number } }) => event.canary === 0 && event.ready >= event.wanted, target: 'done' }, { ...foreign, target: '#restoring' }]
              : [
                  { ...foreign, target: halt },
                  {
                    guard: ({ context, event }: { context: { zero: number }; event: { canary?: number } }) => event.canary === 0 && context.zero >= 1,
                    target: '#restoring',
                    actions: [s.assign({ canaryDead: true, ending: { outcome: 'rolledBack', bad: true, reason: 'the new version lost all its pods while users were on it' } })],
                  },
                  { guard: ({ event }: { event: { failing?: string } }) => event.failing !== undefined, target: halt, actions: [stuck('stable does not come up with the new version')] },
                  { guard: 'outOfTime' as const, target: halt, actions: [stuck('stable was not ready with the new version within the progress deadline')] },
                ]),
            { target: 'waiting', actions: [tryAgain, s.assign({
                zero: ({ context, event }) => (canaryIn(event) === 0 ? context.zero + 1 : 0),
                aliveAt: ({ context, event }) => ((canaryIn(event) ?? 0) > 0 ? context.now : context.aliveAt),
              })] },
          ],
          'stable.look.unavailable': { target: 'waiting', actions: [tryAgain] },
          'stable.look.refused': { target: 'waiting', actions: [tryAgain] },
        },
      },
      waiting: { after: { ready: 'looking' } },
      done: { type: 'final' },
    },
  });
};

/**
 * The new version becomes stable: its template, its pods, then its users. A stable that does not come up leaves users on the healthy
 * canary and asks for a person.
 */
export const settling = (s: ReleaseSetup) => {
  return s.createStateConfig({
    initial: 'template',
    states: {
      template: {
        ...walk(s, {
          effect: 'template.write',
          over: 'targets',
          wait: 'backoff',
          giveUp: '#halted',
          params: (context) => templateOf(context, read.target(context).name, false),
          others: { 'template.write.changed': { target: '#halted', actions: [changedFromOutside(s)] } },
        }),
        onDone: 'looking',
      },
      looking: { ...lookAtStable(s, 'pinned', '#halted'), onDone: 'carrying' },
      // Stable's new endpoints must have reached the proxies before anybody is sent to them.
      carrying: { after: { lag: 'routing' } },
      ...routesToStable(s),
      retiring: retire(s, '#completed'),
    },
  });
};

/** The way back once stable's template may have been changed: the template, stable ready, users on it, canary away. Never gives up. */
export const restoring = (s: ReleaseSetup) => {
  const { tryAgain } = marks(s);
  return s.createStateConfig({
    entry: [{ type: 'drop', params: { lane: 'traffic' } }, s.assign({ paused: undefined })],
    initial: 'template',
    states: {
      template: {
        ...walk(s, {
          effect: 'template.write',
          over: 'targets',
          wait: 'urgentBackoff',
          params: (context) => templateOf(context, read.target(context).name, true),
          others: { 'template.write.changed': { target: 'waiting', actions: [changedFromOutside(s), tryAgain] } },
        }),
        onDone: 'looking',
      },
      looking: { ...lookAtStable(s, 'image', undefined), onDone: 'carrying' },
      carrying: { after: { lag: 'routing' } },
      ...routesToStable(s),
      retiring: retire(s, '#rolledBack'),
    },
  });
};

const changedFromOutside = (s: ReleaseSetup) =>
  s.assign({ trying: ({ context, event }) => ({ ...context.trying, why: 'who' in event ? `${event.who} changed ${event.what}` : context.trying.why }) });

const templateOf = (context: { readonly facts: Readonly<Record<string, { readonly template: string; readonly image: string; readonly pinned: string }>> }, target: string, back: boolean) => {
  const facts = context.facts[target];
  return { target, image: (back ? facts?.image : facts?.pinned) ?? '', template: facts?.template ?? '', back };
};
