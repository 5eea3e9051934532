import { podsFor } from '../../../statemachines/capacity.ts';
import type { WorldConfig } from '../configs.ts';
import type { View } from '../documents.ts';
import type { State } from '../successors.ts';
import { orphaned } from '../world.ts';
import type { Invariant } from './invariant.ts';

const releases = ({ documents: [, ...all] }: State): readonly View[] => all.filter((view) => view !== undefined);
const active = (state: State): readonly View[] => releases(state).filter(({ ended }) => !ended);

/** States in which a release may have users on its canary. */
const mayShow = ({ phase, path, ended }: View): boolean =>
  !ended && phase !== 'preparing' && phase !== 'retiring' && !path.includes('"retiring"');

/**
 * "No write sends users to a side without the ready endpoints they need." A write of settling that comes late, after an abort has begun
 * to put the template back, is left out: stable is in a rolling update of its own then, which never takes all its pods at once. So
 * is a world in which a person unlocked a release that was still at work.
 */
const invariant1EndpointsOnTheWayBack: Invariant['write'] = ({ before, after, wish, wanted }, config) => {
  if (!wanted || config.faults.foreignTemplate || config.once.includes('unlock') || wish.route === undefined || before.pods !== 'short' || before.fleet === undefined || before.fleet.ready === 0) return undefined;
  const left = (before.routes[wish.route]?.weight ?? 0) > (after.routes[wish.route]?.weight ?? 0);
  return left ? `${wish.name} sends users from a ready canary to a stable that is not ready` : undefined;
};

/** "Weight goes up only after an observation, made in this step, that the canary's endpoints carry it." */
const invariant2CapacityFirst: Invariant['write'] = ({ before, after, wish }, config) => {
  const [from, to] = [before.routes[wish.route ?? '']?.weight ?? 0, after.routes[wish.route ?? '']?.weight ?? 0];
  if (to <= from) return undefined;
  const need = podsFor(to, config.facts.replicas);
  const { fleet } = before;
  if (fleet === undefined || fleet.size < need) return `${wish.name} to ${to} although the canary has ${fleet?.size ?? 0} of the ${need} pods needed`;
  return fleet.ready < need && !fleet.lost ? `${wish.name} to ${to} although ${fleet.ready} of the ${need} pods needed were ever ready` : undefined;
};

/** "Stable is never smaller than when the release began while it may be needed": its autoscaler's bound stays raised. */
const invariant2StableKeepsItsSize: Invariant['state'] = (state, config) =>
  config.facts.autoscaler && Object.values(state.world.routes).some(({ weight }) => weight !== null) && state.world.pinned === 0 ? "users are on the canary, and stable's autoscaler may shrink it" : undefined;

/** "Desired routes = pure function of (definition, release, step)": where a step waits at its gates, routes are as it says. */
const invariant3RoutesFollowTheStep: Invariant['state'] = (state, config) => {
  if (config.faults.foreignRoutes) return undefined;
  for (const view of active(state)) {
    const gating = view.path.includes('"gating"');
    if (!gating && view.phase !== 'watching') continue;
    const wanted = gating ? view.context.wanted : 100;
    for (const [key, { weight }] of Object.entries(state.world.routes)) if ((weight ?? 0) !== wanted) return `${key} carries ${weight ?? 0} percent in ${view.path}, where ${wanted} is wanted`;
  }
  return undefined;
};

/** "At most one active release per rollout, and so per target." */
const invariant5OneRelease: Invariant['state'] = (state, config) => {
  if (config.once.includes('unlock')) return undefined;
  const running = active(state);
  if (running.length > 1) return `releases ${running.map(({ n }) => n).join(' and ')} are active at once`;
  return running.length > 0 && state.documents[0].phase === 'free' ? `the lock is free while release ${running[0]?.n ?? 0} is active` : undefined;
};

/** "Outside a release every object equals what the user wrote, the image apart." */
const invariant8AsTheUserWroteIt: Invariant['state'] = (state, config) => {
  const { world } = state;
  const ended = releases(state).filter(({ ended: over }) => over);
  for (const { n } of ended) {
    for (const [key, { mark }] of Object.entries(world.routes)) if (mark === n) return `release ${n} has ended, and ${key} bears its mark`;
    if (world.pinned === n) return `release ${n} has ended, and the autoscaler is as it left it`;
    if (world.markers.includes(n)) return `release ${n} has ended, and its marker is still there`;
    if (world.fleet?.release === n && !orphaned(world)) return `release ${n} has ended, and its canary is still there`;
  }
  if (active(state).length > 0) return undefined;
  for (const [key, { stamped }] of Object.entries(world.routes)) if (stamped) return `no release is active, and ${key} bears a stamp`;
  return templateProblem(state, config);
};

const templateProblem = (state: State, config: WorldConfig): string | undefined => {
  const settled = releases(state).flatMap(({ phase, context }) => {
    const facts = context.facts['demo'];
    return facts === undefined ? [] : [phase === 'completed' ? facts.pinned : facts.image];
  });
  if (settled.length === 0 || config.faults.foreignTemplate) return undefined;
  // Releases that were unlocked may end in another order than they began.
  const allowed = config.once.includes('unlock') ? settled : settled.slice(-1);
  return allowed.includes(state.world.template) ? undefined : `stable runs ${state.world.template} instead of ${allowed.join(' or ')}`;
};

/** "Each prefix of a plan leaves every host and path with a ready backend": users are only on a canary that is there, in a release that may have them. */
const invariant9UsersHaveABackend: Invariant['state'] = (state) => {
  for (const [key, { weight }] of Object.entries(state.world.routes)) {
    if (weight === null) continue;
    if (weight === 0) return `${key} still names the canary, at weight 0`;
    if (state.world.fleet === undefined) return `${key} sends ${weight} percent of users to a canary that was deleted`;
    if (!releases(state).some(mayShow)) return `${key} sends ${weight} percent of users to the canary of a release that is over`;
  }
  return undefined;
};

/** "Armed: before a write that shows anyone the canary, the document holds, for every route object touched or about to be, the write that takes it back." */
const invariant11ArmedBeforeShown: Invariant['state'] = (state) => {
  for (const [key, { weight, mark }] of Object.entries(state.world.routes)) {
    const owner = state.documents[mark as 0 | 1 | 2];
    if (weight !== null && mark !== 0 && owner !== undefined && !Object.hasOwn(owner.document.armed, key)) return `${key} shows the canary, and release ${mark} has no way back for it`;
  }
  return undefined;
};

export const ofWorlds: readonly Invariant[] = [
  { name: 'Invariant 1', write: invariant1EndpointsOnTheWayBack },
  { name: 'Invariant 2', write: invariant2CapacityFirst },
  { name: 'Invariant 2', state: invariant2StableKeepsItsSize },
  { name: 'Invariant 3', state: invariant3RoutesFollowTheStep },
  { name: 'Invariant 5', state: invariant5OneRelease },
  { name: 'Invariant 8', state: invariant8AsTheUserWroteIt },
  { name: 'Invariant 9', state: invariant9UsersHaveABackend },
  { name: 'Invariant 11', state: invariant11ArmedBeforeShown },
];
