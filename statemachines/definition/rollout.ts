import type { Millis } from '../../events/input.ts';

/** One route object of a target. `key` is unique within the rollout: `<target>/<kind>/<name>`. */
export interface RouteRef {
  readonly key: string;
  readonly kind: string;
  readonly name: string;
  readonly apiVersion?: string;
  readonly lagMs?: Millis;
}

export interface Target {
  readonly name: string;
  readonly cluster: string;
  readonly workload: { readonly kind: 'Deployment'; readonly name: string; readonly container?: string; readonly service: string };
  readonly routes: readonly RouteRef[];
}

export type TagFilter = { readonly semver: string } | { readonly glob: string } | { readonly regex: string };

export interface Trigger {
  readonly image: string;
  readonly tags?: TagFilter;
}

export type Judgement =
  | { readonly type: 'bound'; readonly query: string; readonly max?: number; readonly min?: number }
  | {
      readonly type: 'counters';
      readonly canary: { readonly bad: string; readonly all: string };
      readonly stable: { readonly bad: string; readonly all: string };
      readonly tolerance: number;
      readonly minSamples: number;
    };

export type MissingPolicy = 'wait' | 'pause' | 'rollback';

export interface Analysis {
  readonly provider: string;
  readonly intervalMs: Millis;
  readonly warmUpMs: Millis;
  readonly passes: number;
  readonly failures: number;
  readonly onNoData: MissingPolicy;
  readonly onProviderDown: MissingPolicy;
  readonly judgement: Judgement;
}

/** One desired state and the gates that end it. A ramp is already taken apart into its steps. */
export interface Step {
  readonly name: string;
  readonly weight: number;
  readonly replicas?: number;
  readonly holdMs: Millis;
  readonly analyses: readonly string[];
  readonly question?: string;
}

export interface AlertPolicy {
  readonly match: Readonly<Record<string, string>>;
  readonly do: 'rollback' | 'pause';
}

/** A definition with its defaults filled in and its shorthands taken apart: what machines are made from. Plain data. */
export interface Rollout {
  readonly name: string;
  readonly namespace: string;
  readonly targets: readonly Target[];
  readonly triggers: readonly Trigger[];
  readonly onPush: 'supersede' | 'queue' | 'refuse';
  readonly analyses: Readonly<Record<string, Analysis>>;
  readonly steps: readonly Step[];
  readonly alerts: readonly AlertPolicy[];
  readonly alertsBefore: 'wait' | 'goOn';
  readonly skewMs: Millis;
  readonly watchMs: Millis;
  readonly progressDeadlineMs: Millis;
  readonly livenessMs: Millis;
}

/** Name of the Deployment and of the Service that stand beside a target's own while a release runs. */
export const canaryName = (name: string): string => `${name}-canary`;

export const rolloutId = (rollout: { namespace: string; name: string }): string => `rollout/${rollout.namespace}/${rollout.name}`;
export const releaseId = (rollout: { namespace: string; name: string }, n: number): string => `release/${rollout.namespace}/${rollout.name}/${n}`;

/** Every route of every target, in the order of the definition. */
export const allRoutes = (rollout: Rollout): readonly { readonly target: Target; readonly route: RouteRef }[] =>
  rollout.targets.flatMap((target) => target.routes.map((route) => ({ target, route })));

/** Keys that no second rollout may hold: its workloads and routes. */
export const claimsOf = (rollout: Rollout): readonly string[] =>
  rollout.targets.flatMap(({ cluster, workload, routes }) => [
    `${cluster}/${rollout.namespace}/${workload.kind}/${workload.name}`,
    ...routes.map((route) => `${cluster}/${rollout.namespace}/${route.kind}/${route.name}`),
  ]);

/**
 * Keys under which facts find this rollout: each image it waits for, and for each alert policy its first label in order of name
 * (an alert that matches the policy certainly carries it).
 */
export const indexOf = (rollout: Rollout): readonly string[] => [
  ...new Set([
    ...rollout.triggers.map(({ image }) => `image:${image}`),
    ...rollout.alerts.map(({ match }) => {
      const [label = ''] = Object.keys(match).sort();
      return `label:${label}=${match[label] ?? ''}`;
    }),
  ]),
];
