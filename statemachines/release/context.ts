import type { Millis } from '../../events/input.ts';
import type { FiringAlert } from '../alerts.ts';
import type { Rollout } from '../definition/rollout.ts';
import type { TargetFacts } from '../effects.ts';
import type { Sums, VerdictKind } from '../judge.ts';

/** How a release ended. `bad`: the version itself was at fault, so its digest is quarantined. */
export interface Ending {
  readonly outcome: 'completed' | 'rolledBack' | 'cancelled' | 'refused';
  readonly reason: string;
  readonly bad: boolean;
  readonly by?: string;
}

/** What one analysis has found in the present step. */
export interface AnalysisState {
  /** End of the last interval looked at; the next look begins here. */
  readonly until: Millis;
  readonly passes: number;
  readonly failures: number;
  readonly looks: number;
  readonly sums: Sums;
  readonly last?: { readonly kind: VerdictKind; readonly why: string; readonly at: Millis };
}

/** Everything a release remembers, apart from its state. Plain JSON; absent is written `undefined`. */
export interface ReleaseContext {
  /** The definition the release was started with. Set by `advance`, never stored: it stands in the document beside the snapshot. */
  readonly rollout: Rollout;
  /** The moment the present input is judged at. Set by `advance`, never stored: events that XState raises itself carry no time. */
  readonly now: Millis;
  readonly n: number;
  readonly image: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  readonly startedBy: string;
  readonly startedAt: Millis;
  /** The version that stable runs, as far as Sluice released it. */
  readonly from: { readonly tag: string | undefined; readonly digest: string } | undefined;
  /** Digests that this release must refuse, with the reason. */
  readonly quarantined: Readonly<Record<string, string>>;

  /** Index into the steps; one past the last while promoting and after. */
  readonly step: number;
  /** The weight of the present stage: the step's, or what an operator set. */
  readonly wanted: number;
  /** The weight last written, from the moment the write was asked for. */
  readonly weight: number;
  readonly facts: Readonly<Record<string, TargetFacts>>;
  /** Position in the list of targets or routes that a phase walks through. */
  readonly cursor: number;
  /** Pods last asked for, a target. */
  readonly size: Readonly<Record<string, number>>;
  /** Pods were asked for in this phase, so the proxies may not have seen their endpoints yet. */
  readonly scaled: boolean;
  /** Routes whose way back is in the document. */
  readonly armed: readonly string[];
  /** The moment before the first write that shows anybody the canary. */
  readonly exposedAt: Millis | undefined;
  /** Alerts of the policy that were firing before that moment, and still are. */
  readonly firing: Readonly<Record<string, FiringAlert>>;

  readonly paused: { readonly by: string; readonly why: string; readonly since: Millis } | undefined;
  readonly hold: { readonly left: Millis; readonly since: Millis | undefined; readonly done: boolean };
  readonly approved: { readonly by: string; readonly comment: string | undefined } | undefined;
  readonly analyses: Readonly<Record<string, AnalysisState>>;
  /** The present loop of asking and waiting: since when, how often, and what the answer was. */
  readonly trying: { readonly since: Millis; readonly tries: number; readonly why: string };
  /** Looks in a row that found no ready endpoint of an exposed canary. */
  readonly zero: number;
  /** How long the last pods asked for took to be ready; the next ones are first looked at when they will probably be. */
  readonly readyAfter: Millis | undefined;
  /** When endpoints of the canary were last seen ready. */
  readonly aliveAt: Millis;

  /** Seen, not intended: ready endpoints of the canary by target, weight by route. */
  readonly ready: Readonly<Record<string, number>>;
  readonly seen: Readonly<Record<string, { readonly canary: number; readonly at: Millis }>>;
  readonly phaseSince: Millis;
  /** When the present step was entered. */
  readonly stepSince: Millis;
  /** When what sends everybody back was received. */
  readonly signalAt: Millis | undefined;

  /** Routes whose way back is under way, and those whose write must be tried again. */
  readonly restoring: { readonly pending: readonly string[]; readonly failed: readonly string[] };
  /** The canary was found without a ready endpoint while users were on it. */
  readonly canaryDead: boolean;
  readonly ending: Ending | undefined;
}

export interface Opening {
  readonly definition: Rollout;
  readonly now: Millis;
  readonly n: number;
  readonly image: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly startedBy: string;
  readonly startedAt: Millis;
  readonly from?: { readonly tag?: string; readonly digest: string };
  readonly quarantined: Readonly<Record<string, string>>;
  readonly firing: Readonly<Record<string, FiringAlert>>;
}

export const openContext = (opening: Opening): ReleaseContext => ({
  rollout: opening.definition,
  now: opening.now,
  n: opening.n,
  image: opening.image,
  tag: opening.tag,
  digest: opening.digest,
  startedBy: opening.startedBy,
  startedAt: opening.startedAt,
  from: opening.from === undefined ? undefined : { tag: opening.from.tag, digest: opening.from.digest },
  quarantined: opening.quarantined,
  step: 0,
  wanted: 0,
  weight: 0,
  facts: {},
  cursor: 0,
  size: {},
  scaled: false,
  armed: [],
  exposedAt: undefined,
  firing: opening.firing,
  paused: undefined,
  hold: { left: 0, since: undefined, done: true },
  approved: undefined,
  analyses: {},
  trying: { since: opening.startedAt, tries: 0, why: '' },
  zero: 0,
  readyAfter: undefined,
  aliveAt: opening.startedAt,
  ready: {},
  seen: {},
  phaseSince: opening.startedAt,
  stepSince: opening.startedAt,
  signalAt: undefined,
  restoring: { pending: [], failed: [] },
  canaryDead: false,
  ending: undefined,
});
