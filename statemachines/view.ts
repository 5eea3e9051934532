import type { Json, Millis } from '../events/input.ts';
import { allRoutes, type Rollout } from './definition/rollout.ts';
import { spell } from './definition/duration.ts';
import type { Document } from './document.ts';
import type { VerdictKind } from './judge.ts';
import type { Ending, ReleaseContext } from './release/context.ts';
import type { RolloutContext } from './rollout/machine.ts';
import { unreadable } from './rescue.ts';

/** The states of a release that people distinguish: the top level of its machine. */
export type Phase =
  | 'preparing' | 'stepping' | 'promoting' | 'watching' | 'settling' | 'halted'
  | 'rollingBack' | 'retiring' | 'restoring' | 'completed' | 'rolledBack' | 'cancelled' | 'refused';

export interface StepView {
  readonly index: number;
  readonly name: string;
  readonly weight: number;
  readonly state: 'done' | 'current' | 'todo';
  /** Its gates in words, e.g. `hold 10m`, `analysis health`, `approval`. */
  readonly gates: readonly string[];
}

export interface VerdictView {
  readonly analysis: string;
  readonly kind: VerdictKind | 'notYet';
  readonly why: string;
  readonly at?: Millis;
  readonly passes: number;
  readonly needed: number;
  readonly looks: number;
}

export interface ReleaseView {
  readonly n: number;
  readonly phase: Phase;
  readonly image: string;
  readonly tag?: string;
  readonly digest?: string;
  /** What stable ran when the release began: as Sluice released it, or as its image was called. */
  readonly from?: { readonly tag?: string; readonly digest?: string };
  readonly startedBy: string;
  readonly startedAt: Millis;
  readonly endedAt?: Millis;
  /** The weight this stage is for, and what each route was last seen to carry. */
  readonly wanted: number;
  readonly seen: readonly { readonly route: string; readonly canary: number; readonly at: Millis }[];
  readonly fleets: readonly { readonly target: string; readonly ready: number; readonly wanted: number; readonly stable: number }[];
  readonly steps: readonly StepView[];
  readonly verdicts: readonly VerdictView[];
  readonly waitingFor: { readonly what: string; readonly since: Millis; readonly until?: Millis };
  readonly next: string;
  /** Route objects, and so writes of a way back. */
  readonly routes: number;
  readonly question?: { readonly step: number; readonly question: string };
  readonly paused?: { readonly by: string; readonly why: string; readonly since: Millis };
  /** Users may be on the canary. */
  readonly exposed: boolean;
  readonly ending?: Ending;
  readonly state: Json;
}

export interface RolloutView {
  readonly namespace: string;
  readonly name: string;
  readonly stable?: { readonly tag?: string; readonly digest: string; readonly release: number };
  readonly waiting: readonly { readonly tag?: string; readonly digest?: string; readonly by: string; readonly at: Millis }[];
  readonly quarantined: Readonly<Record<string, string>>;
  /** The running release, or the last one. */
  readonly release?: ReleaseView;
  /** What a person must do, in words; empty when nothing needs anybody. */
  readonly needs: readonly string[];
}

const phaseOf = (value: Json): Phase => (typeof value === 'string' ? value : (Object.keys(value as object)[0] ?? 'preparing')) as Phase;
/** `{stepping: {gating: {hold: 'counting'}}}` -> `stepping.gating`. */
const placeOf = (value: Json): string => {
  if (typeof value === 'string') return value;
  const entries = Object.entries(value as Record<string, Json>);
  const [only] = entries;
  return entries.length !== 1 || only === undefined ? '' : `${only[0]}${typeof only[1] === 'string' ? `.${only[1]}` : [''].concat(placeOf(only[1])).join('.').replace(/\.$/, '')}`;
};

/** What people see of a release. Pure: the same document gives the same view; `now` only for what is measured from now. */
export const viewRelease = (document: Document): ReleaseView => {
  const rollout = document.definition as unknown as Rollout;
  const context = document.snapshot.context as unknown as ReleaseContext;
  const phase = phaseOf(document.snapshot.value);
  const over = document.snapshot.status === 'done';
  const step = rollout.steps[context.step];
  const asking = phase === 'stepping' && placeOf(document.snapshot.value).startsWith('stepping.gating') && step?.question !== undefined && context.approved === undefined;
  return {
    n: context.n,
    phase,
    image: context.image,
    ...(context.tag === undefined ? {} : { tag: context.tag }),
    ...(context.digest === undefined ? {} : { digest: context.digest }),
    ...fromOf(context),
    startedBy: context.startedBy,
    startedAt: context.startedAt,
    ...(over ? { endedAt: document.updatedAt } : {}),
    wanted: context.wanted,
    seen: Object.entries(context.seen).map(([route, { canary, at }]) => ({ route, canary, at })),
    fleets: rollout.targets.flatMap(({ name }) => {
      const facts = context.facts[name];
      return facts === undefined ? [] : [{ target: name, ready: context.ready[name] ?? 0, wanted: context.size[name] ?? 0, stable: facts.replicas }];
    }),
    steps: rollout.steps.map((one, index) => ({
      index,
      name: one.name,
      weight: one.weight,
      state: index < context.step || phase === 'completed' ? 'done' : index === context.step && !over ? 'current' : 'todo',
      gates: [
        ...(one.holdMs > 0 ? [`hold ${spell(one.holdMs)}`] : []),
        ...one.analyses.map((analysis) => `analysis ${analysis}`),
        ...(one.question === undefined ? [] : [`approval: ${one.question}`]),
      ],
    })),
    verdicts: Object.entries(context.analyses).map(([analysis, { last, passes, looks }]) => ({
      analysis,
      kind: last?.kind ?? 'notYet',
      why: last?.why ?? 'not looked at yet',
      ...(last === undefined ? {} : { at: last.at }),
      passes,
      needed: rollout.analyses[analysis]?.passes ?? 1,
      looks,
    })),
    waitingFor: waitingFor(document, rollout, context, phase),
    next: nextOf(rollout, context, phase, document.snapshot.value),
    routes: allRoutes(rollout).length,
    ...(asking ? { question: { step: context.step, question: step?.question ?? '' } } : {}),
    ...(context.paused === undefined ? {} : { paused: context.paused }),
    exposed: context.exposedAt !== undefined && context.weight > 0,
    ...(context.ending === undefined ? {} : { ending: context.ending }),
    state: document.snapshot.value,
  };
};

const fromOf = (context: ReleaseContext): Pick<ReleaseView, 'from'> => {
  const { from } = context;
  if (from !== undefined) return { from: { digest: from.digest, ...(from.tag === undefined ? {} : { tag: from.tag }) } };
  const [, tag, digest] = /^[^@]*?(?::([^:/@]+))?(?:@(.+))?$/.exec(Object.values(context.facts)[0]?.image ?? '') ?? [];
  return tag === undefined && digest === undefined ? {} : { from: { ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) } };
};

const waitingFor = (document: Document, rollout: Rollout, context: ReleaseContext, phase: Phase): ReleaseView['waitingFor'] => {
  const since = context.phaseSince;
  const why = context.trying.why === '' ? '' : ` (${context.trying.why})`;
  const timer = (name: string): { until?: Millis } => {
    const due = document.timers[name]?.dueAt;
    return due === undefined ? {} : { until: due };
  };
  if (document.machine === unreadable) return { what: 'a person: this release was written by another version of Sluice; its users are being taken back', since: document.updatedAt };
  if (document.snapshot.status === 'done') return { what: 'nothing; it is over', since: document.updatedAt };
  if (context.paused !== undefined) return { what: `resume: paused by ${context.paused.by}, ${context.paused.why}`, since: context.paused.since };
  const place = placeOf(document.snapshot.value);
  const alerts = Object.values(context.firing).map(({ name }) => name);
  if (alerts.length > 0 && rollout.alertsBefore === 'wait' && /(scaling|routing)\.held\b/.test(place)) return { what: `alert ${alerts.join(', ')} to be over; it was firing before this release`, since };
  if (place.startsWith('stepping.gating')) return { ...gatesLeft(rollout, context, timer), since };
  const doing: readonly [RegExp, string, string?][] = [
    [/^preparing\.(resolving|waitingToResolve)/, `the registry to say what ${context.tag ?? 'this image'} is${why}`],
    [/^preparing/, `the cluster to be looked at${why}`],
    [/scaling\.(looking|waiting)$/, `the pods of the new version to be ready${why}`],
    [/scaling\.spreading$/, 'its endpoints to reach the proxies', 'lag'],
    [/scaling/, `the new version to get its pods${why}`],
    [/routing\.(spreading)$/, 'the route to reach the proxies', 'lag'],
    [/routing\.(verifying|waitingToVerify)$/, `the route to be in effect${why}`],
    [/routing/, `the route to be written${why}`],
    [/^watching/, 'the watch to end', 'watch'],
    [/^settling\.(template|looking)/, `stable to come up with the new version${why}`],
    [/^(settling|restoring)\.(carrying|spreading)/, 'the proxies to take the change', 'lag'],
    [/^(settling\.|restoring\.)?retiring/, `the canary to be taken away${why}`],
    [/^settling/, `users to be moved to stable${why}`],
    [/^restoring\.(template|looking)/, `stable to come up with the old version${why}`],
    [/^restoring/, `users to be moved to stable${why}`],
    [/^halted/, `a person: ${context.trying.why}; retry, or abort to go back`],
    [/^rollingBack\.spreading/, 'the proxies to take every user back', 'lag'],
    [/^rollingBack\.verifying/, `the routes to be found as they were${why}`],
    [/^rollingBack/, `the routes to be written back${why}`],
  ];
  const [, what, name] = doing.find(([pattern]) => pattern.test(place) || pattern.test(phase)) ?? [/./, place];
  return { what, since, ...(name === undefined ? {} : timer(name)) };
};

const gatesLeft = (rollout: Rollout, context: ReleaseContext, timer: (name: string) => { until?: Millis }): { what: string; until?: Millis } => {
  const step = rollout.steps[context.step];
  const left: string[] = [];
  if (!context.hold.done) left.push('the hold to end');
  for (const name of step?.analyses ?? []) {
    const state = context.analyses[name];
    const needed = rollout.analyses[name]?.passes ?? 1;
    if ((state?.passes ?? 0) < needed) left.push(`analysis ${name}: ${state?.passes ?? 0} of ${needed} looks passed${state?.last === undefined ? '' : `, the last ${state.last.kind}`}`);
  }
  if (step?.question !== undefined && context.approved === undefined) left.push(`an answer: ${step.question}`);
  return { what: left.join('; '), ...(context.hold.done ? {} : timer('hold')) };
};

const nextOf = (rollout: Rollout, context: ReleaseContext, phase: Phase, state: Json): string => {
  const routes = allRoutes(rollout)
    .map(({ route }) => `${route.kind} ${rollout.namespace}/${route.name}`)
    .join(', ');
  const following = rollout.steps[context.step + 1];
  if (phase === 'preparing') return `weight ${rollout.steps[0]?.weight ?? 0} %: patch ${routes}`;
  if (phase === 'stepping' && !placeOf(state).startsWith('stepping.gating') && context.weight !== context.wanted) return `weight ${context.wanted} %: patch ${routes}`;
  if (phase === 'stepping') return following === undefined ? `promote: all users on the new version, patch ${routes}` : `weight ${following.weight} %: patch ${routes}`;
  if (phase === 'promoting') return `watch for ${spell(rollout.watchMs)}`;
  if (phase === 'watching') return 'stable gets the new version, then its users back';
  if (phase === 'settling') return 'the canary is taken away';
  if (phase === 'halted') return 'nothing until somebody decides';
  if (phase === 'rollingBack' || phase === 'restoring') return 'the canary is taken away, then it is over';
  return '';
};

/** What people see of a rollout; `release` is the document of its running or last release. */
export const viewRollout = (document: Document, release: Document | undefined): RolloutView => {
  const rollout = document.definition as unknown as Rollout;
  const context = document.snapshot.context as unknown as RolloutContext;
  const [stable] = context.lastGood;
  const view = release === undefined ? undefined : viewRelease(release);
  return {
    namespace: rollout.namespace,
    name: rollout.name,
    ...(stable === undefined ? {} : { stable: { digest: stable.digest, release: stable.release, ...(stable.tag === undefined ? {} : { tag: stable.tag }) } }),
    waiting: context.waiting.map(({ tag, digest, by, at }) => ({ by, at, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) })),
    quarantined: context.quarantined,
    ...(view === undefined ? {} : { release: view }),
    needs: view === undefined ? [] : needsOf(view),
  };
};

const needsOf = (view: ReleaseView): string[] => {
  if (view.endedAt !== undefined) return [];
  if (view.question !== undefined) return [`answer: ${view.question.question}`];
  if (view.phase === 'halted') return [view.waitingFor.what];
  return view.paused === undefined ? [] : [`resume: ${view.paused.why}`];
};
