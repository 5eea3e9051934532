import type { Millis } from '../../events/input.ts';
import { podsFor } from '../capacity.ts';
import { allRoutes, type RouteRef, type Step, type Target } from '../definition/rollout.ts';
import type { ReleaseContext } from './context.ts';

const routes = ({ rollout }: ReleaseContext): ReturnType<typeof allRoutes> => allRoutes(rollout);
const stepOf = ({ rollout, step }: ReleaseContext): Step | undefined => rollout.steps[step];
const need = (context: ReleaseContext, target: Target): number => podsFor(context.wanted, context.facts[target.name]?.replicas ?? 1, stepOf(context)?.replicas);
const factsOf = (context: ReleaseContext): readonly { readonly fragile: boolean; readonly lagMs: Millis }[] =>
  routes(context).flatMap(({ target, route }) => context.facts[target.name]?.routes[route.key] ?? []);

/** What a release and its definition say together. Shared by guards, delays and effect parameters. */
export const read = {
  routes,
  stepOf,
  promoting: (context: ReleaseContext): boolean => context.step >= context.rollout.steps.length,
  isLastStep: (context: ReleaseContext): boolean => context.step + 1 >= context.rollout.steps.length,
  target: (context: ReleaseContext): Target => context.rollout.targets[context.cursor] as Target,
  route: (context: ReleaseContext) => routes(context)[context.cursor] as { readonly target: Target; readonly route: RouteRef },
  lastTarget: (context: ReleaseContext): boolean => context.cursor + 1 >= context.rollout.targets.length,
  lastRoute: (context: ReleaseContext): boolean => context.cursor + 1 >= routes(context).length,
  /** Pods that the canary of a target must have ready before the wanted weight may be written. */
  need,
  /** Nothing is left to be moved: every target has the pods, and the weight is that of the stage. */
  nothingToShift: (context: ReleaseContext): boolean =>
    context.exposedAt !== undefined &&
    context.wanted === context.weight &&
    context.rollout.targets.every((target) => (context.size[target.name] ?? 0) >= need(context, target)),
  /** The slowest of all proxies that a route write must reach. */
  lag: (context: ReleaseContext): Millis => Math.max(0, ...factsOf(context).map(({ lagMs }) => lagMs)),
  fragile: (context: ReleaseContext): boolean => factsOf(context).some(({ fragile }) => fragile),
  /** An alert that was there before the canary still fires, and the rollout waits for its end. */
  heldByAlert: (context: ReleaseContext): boolean => context.rollout.alertsBefore === 'wait' && Object.values(context.firing).some(({ waived }) => waived !== true),
  exposed: (context: ReleaseContext): boolean => context.exposedAt !== undefined && context.weight > 0,
  /** All that the step waits for has come. */
  gatesOpen: (context: ReleaseContext): boolean => {
    const step = stepOf(context);
    return (
      context.paused === undefined &&
      context.hold.done &&
      (step?.question === undefined || context.approved !== undefined) &&
      (step?.analyses ?? []).every((name) => (context.analyses[name]?.passes ?? 0) >= (context.rollout.analyses[name]?.passes ?? 1))
    );
  },
} as const;
