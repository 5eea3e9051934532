import { podsFor } from './capacity.ts';
import { allRoutes, canaryName, type Rollout } from './definition/rollout.ts';
import type { TargetFacts } from './effects.ts';

/** One write, as people read it: `patch IngressRoute pro/demo weights demo 75, demo-canary 25`. */
export interface PlannedWrite {
  readonly verb: 'create' | 'scale' | 'patch' | 'delete';
  readonly kind: string;
  readonly object: string;
  readonly change: string;
}

export interface PlanView {
  readonly namespace: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Pods at the widest moment: stable and canary together, all targets. */
  readonly widest: number;
  readonly steps: readonly { readonly name: string; readonly writes: readonly PlannedWrite[] }[];
  /** The writes that take every user back, from any step. */
  readonly back: readonly PlannedWrite[];
  /** Why the release would be refused; empty when it would begin. */
  readonly problems: readonly string[];
}

/**
 * Every write of a release, in order, before the first one is made. Pure, from the same arithmetic that the machine steps by; a
 * test holds a whole release against it.
 */
export const planRelease = (rollout: Rollout, facts: Readonly<Record<string, TargetFacts>>, versions: { from: string; to: string }, problems: readonly string[] = []): PlanView => {
  const { namespace, name } = rollout;
  const object = (named: string): string => `${namespace}/${named}`;
  const size = new Map<string, number>();
  const replicasOf = (target: string): number => facts[target]?.replicas ?? 1;
  let weight = 0;

  const grow = (wanted: number, asked: number | undefined): PlannedWrite[] =>
    rollout.targets.flatMap((target): PlannedWrite[] => {
      const pods = podsFor(wanted, replicasOf(target.name), asked);
      const before = size.get(target.name);
      if (pods === 0 || (before !== undefined && before >= pods)) return [];
      size.set(target.name, pods);
      const canary = object(canaryName(target.workload.name));
      if (before !== undefined) return [{ verb: 'scale', kind: 'Deployment', object: canary, change: `${before} → ${pods}` }];
      return [
        { verb: 'create', kind: 'ConfigMap', object: object(`sluice-${target.workload.name}-<release>`), change: 'owns what the release creates' },
        { verb: 'create', kind: 'Service', object: object(canaryName(target.workload.service)), change: 'leads to the canary' },
        { verb: 'create', kind: 'Deployment', object: canary, change: `${pods} ${pods === 1 ? 'replica' : 'replicas'}, image ${versions.to}` },
      ];
    });
  const move = (wanted: number): PlannedWrite[] => {
    if (wanted === weight) return [];
    weight = wanted;
    return allRoutes(rollout).map(({ target, route }) => ({
      verb: 'patch' as const,
      kind: route.kind,
      object: object(route.name),
      change: `weights ${target.workload.service} ${100 - wanted}, ${canaryName(target.workload.service)} ${wanted}`,
    }));
  };
  const bounds = (verb: 'raise' | 'give back'): PlannedWrite[] =>
    rollout.targets.flatMap((target) => {
      const autoscaler = facts[target.name]?.autoscaler;
      const pods = replicasOf(target.name);
      if (autoscaler === undefined || autoscaler.min === pods) return [];
      const change = verb === 'raise' ? `minReplicas ${autoscaler.min} → ${pods}` : `minReplicas ${pods} → ${autoscaler.min}`;
      return [{ verb: 'patch' as const, kind: 'HorizontalPodAutoscaler', object: object(autoscaler.name), change }];
    });

  const steps = rollout.steps.map((step, at) => ({ name: step.name, writes: [...(at === 0 ? bounds('raise') : []), ...grow(step.weight, step.replicas), ...move(step.weight)] }));
  const promote = { name: 'promote', writes: [...grow(100, undefined), ...move(100)] };
  const settle = {
    name: 'settle',
    writes: [
      ...rollout.targets.map(({ workload }): PlannedWrite => ({ verb: 'patch', kind: workload.kind, object: object(workload.name), change: `image ${versions.to}` })),
      ...move(0).map((write) => ({ ...write, change: 'as it was before the release' })),
      ...rollout.targets.map((target): PlannedWrite => ({ verb: 'delete', kind: 'ConfigMap', object: object(`sluice-${target.workload.name}-<release>`), change: 'and with it the canary' })),
      ...bounds('give back'),
      ...allRoutes(rollout).map(({ route }): PlannedWrite => ({ verb: 'patch', kind: route.kind, object: object(route.name), change: 'our annotations removed' })),
    ],
  };
  return {
    namespace,
    name,
    ...versions,
    widest: rollout.targets.reduce((sum, { name: target }) => sum + replicasOf(target) + (size.get(target) ?? 0), 0),
    steps: [...steps, promote, settle],
    back: allRoutes(rollout).map(({ target, route }) => ({ verb: 'patch', kind: route.kind, object: object(route.name), change: `${target.workload.service} 100, ${canaryName(target.workload.service)} removed` })),
    problems,
  };
};
