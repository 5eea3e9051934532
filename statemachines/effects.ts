import type { Json, Trace } from '../events/input.ts';

/**
 * Everything a machine may wish for. One table: name -> kind, lane and the outcomes that may come back.
 *
 * Kinds (they decide what a repetition may do):
 * - `read`: looks at the world, changes nothing;
 * - `state`: writes desired state, conditionally, so it may be repeated;
 * - `named`: made once because its key is its name at the receiver.
 *
 * Lanes: effects of `traffic` are performed one stage at a time and hold the release up; `aside` ones never do.
 *
 * An effect `E` comes back as an event `E.<outcome>`. Two outcomes are common to all: `unavailable` (the world did not answer,
 * or not in time; the effect may have happened) and `refused` (it answered that this cannot be done, with a reason).
 */
export const effectTable = {
  'image.resolve': { kind: 'read', lane: 'traffic', outcomes: ['done', 'unknown'] },
  'release.preflight': { kind: 'read', lane: 'traffic', outcomes: ['done'] },
  'autoscaler.pin': { kind: 'state', lane: 'traffic', outcomes: ['done'] },
  'autoscaler.unpin': { kind: 'state', lane: 'traffic', outcomes: ['done'] },
  'fleet.write': { kind: 'state', lane: 'traffic', outcomes: ['done', 'changed'] },
  'fleet.look': { kind: 'read', lane: 'traffic', outcomes: ['done'] },
  'fleet.delete': { kind: 'state', lane: 'traffic', outcomes: ['done'] },
  'route.plan': { kind: 'read', lane: 'traffic', outcomes: ['done'] },
  'route.write': { kind: 'state', lane: 'traffic', outcomes: ['done', 'disarmed', 'foreign'] },
  'route.verify': { kind: 'read', lane: 'traffic', outcomes: ['done', 'notYet', 'foreign'] },
  'route.restore': { kind: 'state', lane: 'traffic', outcomes: ['done'] },
  'route.clean': { kind: 'state', lane: 'traffic', outcomes: ['done'] },
  'template.write': { kind: 'state', lane: 'traffic', outcomes: ['done', 'changed'] },
  'stable.look': { kind: 'read', lane: 'traffic', outcomes: ['done'] },
  'liveness.look': { kind: 'read', lane: 'traffic', outcomes: ['done'] },
  'analysis.look': { kind: 'read', lane: 'traffic', outcomes: ['done', 'noData', 'providerDown'] },
  'document.send': { kind: 'named', lane: 'aside', outcomes: ['done'] },
} as const satisfies Record<string, EffectSpec>;

interface EffectSpec {
  readonly kind: 'read' | 'state' | 'named';
  readonly lane: 'traffic' | 'aside';
  readonly outcomes: readonly string[];
}

export type EffectName = keyof typeof effectTable;

/**
 * One wish in an outbox. `key` is `<document version>/<index>`: the idempotency key of whatever performs it. `trace` is that of the
 * input it follows from.
 */
export interface Effect {
  readonly key: string;
  readonly name: EffectName;
  readonly params: Readonly<Record<string, Json | undefined>>;
  readonly trace?: Trace;
}

export const isEffectName = (name: string): name is EffectName => Object.hasOwn(effectTable, name);

/** Every event an effect may come back as. */
export const resultEvents = (name: EffectName): readonly string[] =>
  [...effectTable[name].outcomes, 'unavailable', 'refused'].map((outcome) => `${name}.${outcome}`);

/** Effects that change something outside; a save comes before them. */
export const isWrite = (name: EffectName): boolean => effectTable[name].kind !== 'read';

/** What each effect is told, and what it answers. The names are those of DESIGN section 1. */
export interface EffectParams {
  'image.resolve': { image: string; tag?: string; digest?: string };
  'release.preflight': { digest: string };
  'autoscaler.pin': { target: string; name: string; min: number };
  'autoscaler.unpin': { target: string; name: string; min: number };
  /** Creates or scales the canary to `replicas`; `template` is the hash the stable's pod template must still have. */
  'fleet.write': { target: string; replicas: number; digest: string; template: string };
  'fleet.look': { target: string };
  'fleet.delete': { target: string };
  'route.plan': { target: string; route: string; canary: number };
  /** `canary` null: our entries are taken out, users are on stable. */
  'route.write': { target: string; route: string; canary: number | null };
  'route.verify': { target: string; route: string; canary: number | null };
  /** Sends the armed write of this route. */
  'route.restore': { target: string; route: string };
  /** Takes our annotations off. */
  'route.clean': { target: string; route: string };
  /** Writes stable's image: the pinned digest, or (`back`) the image it had. */
  'template.write': { target: string; image: string; template: string; back: boolean };
  /** `canary`: count the canary's ready endpoints as well. */
  'stable.look': { target: string; image: string; canary: boolean };
  /** Looks at the canaries of all targets. */
  'liveness.look': Record<never, never>;
  'analysis.look': { analysis: string; from: number; to: number };
  'document.send': { to: string; id: string; event: Json; urgent: boolean };
}

/** Facts about a target that the preflight found and the release keeps. */
export interface TargetFacts {
  /** Hash of stable's pod template, image included, as found at the start. */
  readonly template: string;
  /** The image the container had, to be given back after an abort in settling. */
  readonly image: string;
  /** The image the canary gets: `host/repository@digest`. */
  readonly pinned: string;
  readonly container: string;
  /** Pods that stable has and that all users need. */
  readonly replicas: number;
  /** A HorizontalPodAutoscaler on the workload, whose lower bound is raised while the release runs. */
  readonly autoscaler?: { readonly name: string; readonly min: number };
  readonly routes: Readonly<Record<string, { readonly fragile: boolean; readonly lagMs: number }>>;
}

/** Payloads of the outcomes that carry any. */
export interface EffectResults {
  'image.resolve.done': { digest: string };
  'image.resolve.unknown': { reason: string };
  'release.preflight.done': { targets: Record<string, TargetFacts> };
  'fleet.write.changed': { who: string; what: string };
  'fleet.look.done': { ready: number; failing?: string };
  'route.plan.done': { armed: Json };
  'route.write.done': { changed: boolean };
  'route.write.disarmed': { reason: string };
  'route.write.foreign': { who: string; what: string };
  'route.verify.done': { canary: number };
  'route.verify.notYet': { reason: string };
  'route.verify.foreign': { who: string; what: string };
  'template.write.changed': { who: string; what: string };
  /** `done`: every pod of stable runs the image and is ready. `foreign`: its template names another image, and who wrote that. */
  'stable.look.done': { done: boolean; ready: number; wanted: number; canary?: number; failing?: string; foreign?: string };
  /** `ready` of the target that has fewest, `by` of each. */
  'liveness.look.done': { ready: number; by?: Record<string, number> };
  'analysis.look.done': { value?: number; canary?: { bad: number; all: number }; stable?: { bad: number; all: number } };
  'analysis.look.noData': { reason: string };
  'analysis.look.providerDown': { reason: string };
}
