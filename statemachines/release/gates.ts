import type { Analysis } from '../definition/rollout.ts';
import { judge, noSums, type Look, type Verdict } from '../judge.ts';
import type { AnalysisState, ReleaseContext } from './context.ts';
import type { ReleaseEvent } from './events.ts';
import { read } from './readings.ts';
import { lookDelay, retryDelay, type ReleaseSetup } from './setup.ts';

const blank = (until: number): AnalysisState => ({ until, passes: 0, failures: 0, looks: 0, sums: noSums });

/**
 * The gates of a step, side by side: the hold's clock, each analysis, and the liveness of the canary where a dead one would take
 * the route down. Approvals are plain events of the step.
 */
export const gates = (s: ReleaseSetup, names: readonly string[]) => {
  const hold = s.createStateConfig({
    initial: 'deciding',
    states: {
      deciding: { always: [{ guard: 'noHold', target: 'done' }, { guard: 'paused', target: 'stopped' }, { target: 'counting' }] },
      counting: {
        entry: s.assign({ hold: ({ context }) => ({ ...context.hold, since: context.now }) }),
        always: [{ guard: 'paused', target: 'stopped' }, { guard: 'noHold', target: 'done' }],
        after: { hold: { target: 'done' } },
      },
      // The clock stands still; what was left of it is kept. A clock set back takes nothing away and adds nothing.
      stopped: {
        entry: s.assign({
          hold: ({ context }) => ({
            done: context.hold.done,
            left: context.hold.since === undefined ? context.hold.left : Math.max(0, context.hold.left - Math.max(0, context.now - context.hold.since)),
            since: undefined,
          }),
        }),
        always: [{ guard: 'noHold', target: 'done' }, { guard: ({ context }) => context.paused === undefined, target: 'counting' }],
      },
      done: { entry: s.assign({ hold: ({ context }) => ({ ...context.hold, left: 0, since: undefined, done: true }) }) },
    },
  });

  const analysis = (name: string) => {
    const defined = (context: ReleaseContext): Analysis | undefined => context.rollout.analyses[name];
    const state = (context: ReleaseContext): AnalysisState => context.analyses[name] ?? blank(0);
    const judged = (context: ReleaseContext, look: Look): Verdict => {
      const analysis = defined(context);
      return analysis === undefined ? { kind: 'noData', why: 'no such analysis', sums: noSums } : judge(analysis, look, state(context).sums);
    };
    const intervalMs = (context: ReleaseContext): number => defined(context)?.intervalMs ?? 0;
    const after = (context: ReleaseContext, look: Look, now: number): AnalysisState => {
      const before = state(context);
      const verdict = judged(context, look);
      return {
        until: before.until + intervalMs(context),
        passes: before.passes + (verdict.kind === 'pass' ? 1 : 0),
        failures: before.failures + (verdict.kind === 'fail' ? 1 : 0),
        looks: before.looks + 1,
        sums: verdict.sums,
        last: { kind: verdict.kind, why: verdict.why, at: now },
      };
    };
    const lookIn = (event: ReleaseEvent): Look => {
      if (event.type === 'analysis.look.done') return event;
      if (event.type === 'analysis.look.noData') return { missing: 'noData', reason: event.reason };
      return { missing: 'providerDown', reason: 'reason' in event ? event.reason : '' };
    };
    const mine = (event: ReleaseEvent): boolean => 'of' in event && 'analysis' in event.of && event.of.analysis === name;
    const keep = s.assign({ analyses: ({ context, event }) => ({ ...context.analyses, [name]: after(context, lookIn(event), context.now) }) });
    const stop = (why: string) =>
      s.assign({ ending: ({ context }) => ({ outcome: 'rolledBack', bad: true, reason: `analysis ${name} ${why}: ${state(context).last?.why ?? ''}` }) });
    const pause = s.assign({ paused: ({ context }) => ({ by: 'sluice', why: `analysis ${name}: ${state(context).last?.why ?? ''}`, since: context.now }) });
    const giveUp = s.assign({ ending: ({ context }) => ({ outcome: 'rolledBack', bad: false, reason: `analysis ${name}: ${state(context).last?.why ?? ''}` }) });
    const onMissing = (which: 'onNoData' | 'onProviderDown') => {
      const policy = (wanted: 'rollback' | 'pause') => ({ context, event }: { context: ReleaseContext; event: ReleaseEvent }) => mine(event) && defined(context)?.[which] === wanted;
      return [
        { guard: policy('rollback'), target: '#rollingBack', actions: [keep, giveUp] },
        { guard: policy('pause'), target: 'pausing', actions: [keep, pause] },
        { guard: ({ event }: { event: ReleaseEvent }) => mine(event), target: 'pausing', actions: [keep] },
      ];
    };

    return s.createStateConfig({
      initial: 'deciding',
      states: {
        deciding: { always: [{ guard: ({ context }) => context.analyses[name] === undefined, target: 'unused' }, { target: 'pausing' }] },
        unused: {},
        /** Until the interval to be measured has passed. */
        pausing: { after: { [lookDelay(name)]: { target: 'looking' } } },
        looking: {
          entry: {
            type: 'analysis.look',
            params: ({ context }) => ({ analysis: name, from: state(context).until, to: state(context).until + intervalMs(context) }),
          },
          on: {
            'analysis.look.done': [
              {
                guard: ({ context, event }) => mine(event) && after(context, event, context.now).failures >= (defined(context)?.failures ?? 1),
                target: '#rollingBack',
                actions: [keep, stop('failed')],
              },
              { guard: ({ event }) => mine(event), target: 'pausing', actions: [keep] },
            ],
            'analysis.look.noData': onMissing('onNoData'),
            'analysis.look.providerDown': onMissing('onProviderDown'),
            'analysis.look.refused': onMissing('onProviderDown'),
            // The same interval again: it is counted once, whatever it takes to read it.
            'analysis.look.unavailable': { guard: ({ event }) => mine(event), target: 'retrying' },
          },
        },
        retrying: { after: { [retryDelay(name)]: { target: 'looking' } } },
      },
    });
  };

  const analyses = Object.fromEntries(names.map((name) => [`analysis-${name}`, analysis(name)]));

  /** Beginning of a step's gates: the clock of its hold and of its analyses starts now, when its weight is in effect. */
  const open = s.assign({
    phaseSince: ({ context }) => context.now,
    analyses: ({ context }) =>
      Object.fromEntries((read.stepOf(context)?.analyses ?? []).map((name) => [name, { ...(context.analyses[name] ?? blank(0)), until: context.now + (context.rollout.analyses[name]?.warmUpMs ?? 0) }])),
  });

  return { hold, analyses, open };
};

/**
 * Looks at the canary's endpoints while users are on it behind a fragile router; none ready on two looks goes to `dead`.
 * Otherwise it never asks anything.
 */
export const liveness = (s: ReleaseSetup, dead: string) => {
  return s.createStateConfig({
    initial: 'deciding',
    states: {
      deciding: { always: [{ guard: 'fragile', target: 'resting' }, { target: 'off' }] },
      off: {},
      resting: { entry: s.assign({ zero: 0 }), after: { liveness: { target: 'looking' } } },
      doubting: { after: { livenessRetry: { target: 'looking' } } },
      looking: {
        entry: { type: 'liveness.look', params: {} },
        on: {
          'liveness.look.done': [
            {
              guard: ({ context, event }) => event.ready === 0 && context.zero >= 1,
              target: dead,
              actions: s.assign({
                canaryDead: true,
                ending: { outcome: 'rolledBack', bad: true, reason: 'the new version lost all its pods while users were on it' },
              }),
            },
            { guard: ({ event }) => event.ready === 0, target: 'doubting', actions: s.assign({ zero: ({ context }) => context.zero + 1 }) },
            {
              target: 'resting',
              actions: s.assign({ aliveAt: ({ context }) => context.now, ready: ({ context, event }) => ({ ...context.ready, ...('by' in event && typeof event.by === 'object' ? event.by : {}) }) }),
            },
          ],
          // A silent API server says nothing about the pods.
          'liveness.look.unavailable': 'doubting',
          'liveness.look.refused': 'resting',
        },
      },
    },
  });
};
