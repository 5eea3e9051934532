import type { ReleaseEvent } from './events.ts';
import { read } from './readings.ts';
import type { ReleaseSetup } from './setup.ts';
import { marks, walk } from './walk.ts';

const routeOf = (event: ReleaseEvent): string => ('of' in event && 'route' in event.of ? event.of.route : '');

/**
 * Sends every armed write at once and never gives up: it waits and writes again. Left only after its own writes succeeded, and were
 * found to have stayed.
 */
export const rollingBack = (s: ReleaseSetup) => {
  const { begin, nextOne, tryAgain } = marks(s);
  const contested = s.assign({
    restoring: ({ context }) => ({ pending: [], failed: [read.route(context).route.key] }),
    trying: ({ context, event }) => ({ ...context.trying, why: 'who' in event ? `${event.who} changed ${event.what}` : context.trying.why }),
  });
  const reported = (again: boolean) =>
    s.assign({
      restoring: ({ context, event }) => ({
        pending: context.restoring.pending.filter((key) => key !== routeOf(event)),
        failed: again ? [...context.restoring.failed, routeOf(event)] : context.restoring.failed,
      }),
      trying: ({ context, event }) => (again ? { ...context.trying, why: 'reason' in event ? event.reason : '' } : context.trying),
    });
  return s.createStateConfig({
    entry: [
      { type: 'drop', params: { lane: 'traffic' } },
      begin,
      s.assign({ restoring: ({ context }) => ({ pending: context.armed, failed: [] }), paused: undefined, wanted: 0, signalAt: ({ event }) => event.receivedAt }),
    ],
    initial: 'writing',
    states: {
      writing: {
        entry: s.enqueueActions(({ context, enqueue }) => {
          for (const { target, route } of read.routes(context))
            if (context.restoring.pending.includes(route.key)) enqueue({ type: 'route.restore', params: { target: target.name, route: route.key } });
        }),
        always: [
          { guard: 'allRestored', target: 'spreading' },
          { guard: 'nobodyPending', target: 'waiting', actions: [tryAgain] },
        ],
        on: {
          'route.restore.done': { actions: [reported(false)] },
          'route.restore.unavailable': { actions: [reported(true)] },
          'route.restore.refused': { actions: [reported(true)] },
        },
      },
      waiting: {
        after: { urgentBackoff: { target: 'writing', actions: s.assign({ restoring: ({ context }) => ({ pending: context.restoring.failed, failed: [] }) }) } },
      },
      // Until the slowest proxy has taken the write, requests may still reach the canary.
      spreading: {
        entry: s.assign({ weight: 0, seen: {} }),
        always: { guard: ({ context }) => context.armed.length === 0, target: 'done' },
        after: { lag: 'verifying' },
      },
      // Somebody may have put our entries back, and the canary they name is about to be deleted.
      verifying: {
        ...walk(s, {
          effect: 'route.verify',
          over: 'routes',
          wait: 'urgentBackoff',
          skip: (context) => !context.armed.includes(read.route(context).route.key),
          params: (context) => ({ target: read.route(context).target.name, route: read.route(context).route.key, canary: null }),
          others: {
            // What a router says of itself is no reason to stay: the object is as it must be.
            'route.verify.notYet': { target: 'choosing', actions: [nextOne] },
            'route.verify.foreign': { target: '#rollingBack.waiting', actions: [contested, tryAgain] },
          },
        }),
        onDone: 'done',
      },
      done: { type: 'final' },
    },
    onDone: '#retiring',
  });
};

/** Takes the canary, the raised lower bounds of autoscalers and our annotations away, once nobody can reach the canary. */
export const retire = (s: ReleaseSetup, next: string) => {
  return s.createStateConfig({
    initial: 'deleting',
    states: {
      deleting: {
        ...walk(s, { effect: 'fleet.delete', over: 'targets', wait: 'urgentBackoff', params: (context) => ({ target: read.target(context).name }) }),
        onDone: 'unpinning',
      },
      unpinning: {
        ...walk(s, {
          effect: 'autoscaler.unpin',
          over: 'targets',
          wait: 'urgentBackoff',
          skip: (context) => context.facts[read.target(context).name]?.autoscaler === undefined,
          params: (context) => autoscalerOf(context, read.target(context).name),
        }),
        onDone: 'cleaning',
      },
      cleaning: {
        ...walk(s, {
          effect: 'route.clean',
          over: 'routes',
          wait: 'urgentBackoff',
          skip: (context) => !context.armed.includes(read.route(context).route.key),
          params: (context) => ({ target: read.route(context).target.name, route: read.route(context).route.key }),
        }),
        onDone: 'done',
      },
      done: { type: 'final' },
    },
    onDone: next,
  });
};

export const autoscalerOf = (context: { readonly facts: Readonly<Record<string, { readonly autoscaler?: { readonly name: string; readonly min: number } }>> }, target: string) => {
  const autoscaler = context.facts[target]?.autoscaler;
  return { target, name: autoscaler?.name ?? '', min: autoscaler?.min ?? 1 };
};
