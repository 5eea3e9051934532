import type { InputEvent, Json } from '../../events/input.ts';
import { canaryName } from '../../statemachines/definition/rollout.ts';
import type { ArmedWrite } from '../../statemachines/document.ts';
import type { TargetFacts } from '../../statemachines/effects.ts';
import type { Behaviour } from './behaviour.ts';
import type { WorldConfig } from './configs.ts';
import type { View } from './documents.ts';
import { orphaned, withRoute, written, type RouteState, type World } from './world.ts';

/** What performing an effect gives: the world after it, and what it answers. `wrote`: a request changed an object. */
export interface Performed {
  readonly world: World;
  readonly event: InputEvent;
  readonly wrote: boolean;
}

/** What an abstract performer is told: `name`, `route` and `params` of its effect, and the release that wished for it. */
export interface Wish {
  readonly release: number;
  readonly name: string;
  readonly route: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Performs effects in abstract worlds by the rules of DESIGN section 3, "Fencing". */
export const performers = (config: WorldConfig, behaviour: Behaviour) => {
  const [target] = config.rollout.targets;
  if (target === undefined) throw new Error(`the world ${config.name} has no target`);

  const shapeOf = (view: View, route: string): unknown => (view.document.armed[route]?.memory as { shape?: number } | undefined)?.shape;

  const answer = (world: World, wish: Wish, outcome: string, more: Record<string, Json | undefined> = {}, wrote = false): Performed => ({ world, event: { type: `${wish.name}.${outcome}`, ...more }, wrote });
  const no = (world: World, wish: Wish): Performed => answer(world, wish, 'refused', { reason: '' });

  const facts = (world: World, digest: string): TargetFacts => ({
    template: world.template,
    image: world.template,
    pinned: digest,
    container: 'app',
    replicas: config.facts.replicas,
    ...(config.facts.autoscaler ? { autoscaler: { name: 'demo', min: 1 } } : {}),
    routes: Object.fromEntries(target.routes.map(({ key }) => [key, { fragile: config.facts.fragile, lagMs: 2_000 }])),
  });

  const writeRoute = (world: World, wish: Wish, view: View): Performed => {
    const key = wish.route ?? '';
    const route = world.routes[key] as RouteState;
    const wanted = wish.params['canary'] as number | null;
    if (route.mark !== 0 && route.mark !== wish.release) return no(world, wish);
    if (wanted !== null && shapeOf(view, key) !== route.shape) return answer(world, wish, 'disarmed', { reason: '' });
    const seen = view.context.seen[key]?.canary;
    if (wanted !== null && seen !== undefined && route.weight !== wanted && (route.weight ?? 0) !== seen) return answer(world, wish, 'foreign', { who: 'somebody', what: key });
    const asWanted = route.weight === wanted && (wanted === null || route.mark === wish.release);
    if (asWanted) return answer(world, wish, 'done', { changed: false });
    const weight = wanted === null && !behaviour.removesEntries ? 0 : wanted;
    return answer(withRoute(world, key, { mark: wish.release, weight, stamped: true }), wish, 'done', { changed: true }, true);
  };

  /** The armed patch, sent blindly; undefined when one of its tests fails. */
  const sendArmed = (world: World, wish: Wish, view: View): Performed | undefined => {
    const key = wish.route ?? '';
    const route = world.routes[key] as RouteState;
    const holds = route.weight !== null && route.shape === shapeOf(view, key) && (route.mark === wish.release || !behaviour.testsMark);
    if (!holds) return undefined;
    return answer(withRoute(world, key, { weight: behaviour.removesEntries ? null : 0, stamped: true }), wish, 'done', {}, true);
  };

  const planAgain = (world: World, wish: Wish): Performed => {
    const key = wish.route ?? '';
    const route = world.routes[key] as RouteState;
    if (!behaviour.plansAgain) return answer(world, wish, 'done');
    if (route.mark !== 0 && route.mark !== wish.release) return answer(world, wish, 'done');
    if (route.weight === null && !behaviour.wayBackWrites.has(wish.name)) return answer(world, wish, 'done');
    return answer(withRoute(world, key, { weight: null, stamped: true }), wish, 'done', {}, true);
  };

  const writeFleet = (world: World, wish: Wish): Performed => {
    const { fleet } = world;
    const size = wish.params['replicas'] as number;
    if (fleet !== undefined && (fleet.release !== wish.release || orphaned(world))) return answer(world, wish, 'unavailable', { reason: '' });
    if (fleet?.size === size) return answer(world, wish, 'done');
    if (fleet !== undefined) return answer(written({ ...world, fleet: { ...fleet, size } }, 'fleet'), wish, 'done', {}, true);
    if (world.template !== wish.params['template']) return answer(world, wish, 'changed', { who: 'somebody', what: 'the template' });
    const marked: World = { ...world, markers: [...new Set([...world.markers, wish.release])] };
    return answer(create(marked, wish), wish, 'done', {}, true);
  };

  /** A create that no condition protects: what it makes is owned by the release's marker, whether that still exists or not. */
  const create = (world: World, wish: Wish): World =>
    written({ ...world, fleet: { owner: behaviour.ownedByMarker ? wish.release : 0, release: wish.release, size: wish.params['replicas'] as number, ready: 0, lost: false } }, 'fleet');

  const deleteFleet = (world: World, wish: Wish): Performed => {
    if (!world.markers.includes(wish.release)) return answer(world, wish, 'done');
    const markers = world.markers.filter((owner) => owner !== wish.release);
    const gone = world.fleet?.release === wish.release ? { fleet: undefined } : {};
    return answer(written({ ...world, markers, ...gone }, 'fleet'), wish, 'done', {}, true);
  };

  const writeTemplate = (world: World, wish: Wish, view: View): Performed => {
    const image = wish.params['image'] as string;
    const { image: before, pinned } = view.context.facts[target.name] as TargetFacts;
    if (world.template !== before && world.template !== pinned) return answer(world, wish, 'changed', { who: 'somebody', what: 'the template' });
    if (world.template !== image) return answer(written({ ...world, template: image, pods: 'short' }, 'stable'), wish, 'done', {}, true);
    if (wish.params['back'] !== true || !behaviour.wayBackWrites.has(wish.name)) return answer(world, wish, 'done');
    return answer(written(world, 'stable'), wish, 'done', {}, true);
  };

  const pin = (world: World, wish: Wish, to: number): Performed => {
    if (world.pinned === to && (to !== 0 || !behaviour.wayBackWrites.has(wish.name))) return answer(world, wish, 'done');
    return answer(written({ ...world, pinned: to }, 'autoscaler'), wish, 'done', {}, true);
  };

  const perform = (world: World, wish: Wish, view: View): Performed => {
    const key = wish.route ?? '';
    const route = world.routes[key];
    const ready = world.fleet?.release === wish.release ? world.fleet.ready : 0;
    switch (wish.name) {
      case 'image.resolve':
        return answer(world, wish, 'done', { digest: (wish.params['digest'] ?? `digest-of-${String(wish.params['tag'])}`) as string });
      case 'release.preflight':
        if (world.fleet !== undefined) return answer(world, wish, 'unavailable', { reason: '' });
        if (Object.values(world.routes).some(({ mark, weight }) => weight !== null || (mark !== 0 && mark !== wish.release)) || world.pods !== 'full') return no(world, wish);
        return answer(world, wish, 'done', { targets: { [target.name]: facts(world, wish.params['digest'] as string) } as unknown as Json });
      case 'autoscaler.pin':
        return pin(world, wish, wish.release);
      case 'autoscaler.unpin':
        return pin(world, wish, 0);
      case 'fleet.write':
        return writeFleet(world, wish);
      case 'fleet.look':
        return answer(world, wish, 'done', { ready: behaviour.looksAtEndpoints ? ready : (world.fleet?.size ?? 0) });
      case 'fleet.delete':
        return deleteFleet(world, wish);
      case 'route.plan':
        return route?.mark !== 0 && route?.mark !== wish.release ? no(world, wish) : answer(world, wish, 'done', { armed: armedFor(wish, route?.shape ?? 0) as unknown as Json });
      case 'route.write':
        return writeRoute(world, wish, view);
      case 'route.verify':
        return route?.weight === wish.params['canary'] ? answer(world, wish, 'done', { canary: route?.weight ?? 0 }) : answer(world, wish, 'foreign', { who: 'somebody', what: key });
      case 'route.restore':
        return sendArmed(world, wish, view) ?? planAgain(world, wish);
      case 'route.clean':
        if (route === undefined || (route.mark !== 0 && route.mark !== wish.release) || (route.mark === 0 && !route.stamped)) return answer(world, wish, 'done');
        return answer(withRoute(world, key, { mark: 0, stamped: false }), wish, 'done', {}, true);
      case 'template.write':
        return writeTemplate(world, wish, view);
      case 'stable.look':
        return answer(world, wish, 'done', {
          done: world.template === wish.params['image'] && world.pods === 'full',
          ready: world.pods === 'short' ? 1 : config.facts.replicas,
          wanted: config.facts.replicas,
          ...(wish.params['canary'] === true ? { canary: ready } : {}),
          ...(world.template === wish.params['image'] ? {} : { foreign: 'somebody changed the image' }),
        });
      case 'liveness.look':
        return answer(world, wish, 'done', { ready });
      case 'analysis.look':
        return answer(world, wish, 'done', { value: 0 });
      default:
        throw new Error(`nobody performs ${wish.name}`);
    }
  };

  const armedFor = (wish: Wish, shape: number): ArmedWrite => ({
    cluster: target.cluster,
    object: { apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', namespace: config.rollout.namespace, name: canaryName(wish.route ?? '') },
    ops: [{ op: 'test', path: '/metadata/annotations/sluice.dev~1demo', value: String(wish.release) }],
    stampPath: '/metadata/annotations/sluice.dev~1demo-write',
    memory: { shape },
  });

  /**
   * A worker that hung between its reads and its write goes on. Its write lands if the object is as it was read, or where nothing
   * says it must be; otherwise it reads the object and its document again.
   */
  const thaw = (world: World, view: View): Performed | 'overtaken' => {
    const { hung } = world;
    if (hung === undefined) return 'overtaken';
    const free: World = { ...world, hung: undefined };
    const again = (): Performed | 'overtaken' => (hung.key === undefined && behaviour.fenced ? 'overtaken' : perform(free, hung, view));
    if (hung.at === 'taken') return again();
    if (hung.name === 'route.restore') return sendArmed(free, hung, view) ?? (hung.key === undefined ? 'overtaken' : planAgain(free, hung));
    if (hung.creates) return free.fleet === undefined ? answer(create(free, hung), hung, 'done', {}, true) : again();
    if (!hung.stale) return perform(free, hung, view);
    if (behaviour.conditional || hung.name !== 'route.write') return again();
    const weight = hung.params['canary'] as number | null;
    return answer(withRoute(free, hung.route ?? '', { mark: hung.release, weight, stamped: true }), hung, 'done', { changed: true }, true);
  };

  return { perform, thaw };
};
