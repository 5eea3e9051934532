import type { Input, InputEvent, Json } from '../../events/input.ts';
import { releaseId, rolloutId } from '../../statemachines/definition/rollout.ts';
import { isWrite, resultEvents, type Effect } from '../../statemachines/effects.ts';
import type { RolloutContext } from '../../statemachines/rollout/machine.ts';
import type { Behaviour } from './behaviour.ts';
import type { Once, Order, WorldConfig } from './configs.ts';
import type { Documents, Taken, View, When } from './documents.ts';
import { moment } from './normal-form.ts';
import { performers, type Performed, type Wish } from './performing.ts';
import { firstWorld, orphaned, withRoute, written, type Fleet, type World } from './world.ts';

/** The rollout's document, those of its releases (undefined: not opened yet), and the cluster. */
export interface State {
  readonly documents: readonly [View, View | undefined, View | undefined];
  readonly world: World;
}

/** One thing that may happen next. `heals`: it is no fault and no order to stop, so a release may count on it. */
export interface Successor {
  readonly label: string;
  /** Worked out when asked: a walk that takes one of them need not pay for all. */
  readonly state: () => State;
  readonly heals: boolean;
}

/** A write that reaches the cluster: what the invariants about writes look at. */
export interface Landing {
  readonly before: World;
  readonly after: World;
  readonly wish: Wish;
  readonly view: View;
  /** The effect is still in the outbox. */
  readonly wanted: boolean;
}

const image = 'registry.example.com/team/demo';
const alert = (status: 'firing' | 'resolved', startsAt: number, severity = 'critical'): InputEvent => ({ type: 'alert', status, fingerprint: `${severity}${startsAt}`, labels: { severity, alertname: 'Errors' }, summary: '', startsAt });
const longBefore = moment - 3_600_000;

const pushOf = (n: number): InputEvent => ({ type: 'image.pushed', image, tag: `${n}.0.0`, digest: `v${n}` });

const onceEvents: Readonly<Record<Once, { readonly to: 'rollout' | 1; readonly event: InputEvent; readonly id: string }>> = {
  push1: { to: 'rollout', id: 'push1', event: pushOf(1) },
  push2: { to: 'rollout', id: 'push2', event: pushOf(2) },
  approve0: { to: 1, id: 'approve0', event: { type: 'approve', step: 0, question: 'Go on?' } },
  alertToRollout: { to: 'rollout', id: 'told-firing', event: alert('firing', longBefore) },
  resolvedToRollout: { to: 'rollout', id: 'told-resolved', event: alert('resolved', longBefore) },
  unlock: { to: 'rollout', id: 'push-unlock', event: { type: 'unlock', reason: 'stuck' } },
  retryRollout: { to: 'rollout', id: 'push-retry', event: { type: 'retry' } },
};

/** Orders with what they say, at every state in which they could mean something else. */
export const orderEvents = (order: Order, view: View): readonly { readonly name: string; readonly event: InputEvent; readonly heals?: true }[] => {
  const { step } = view.context;
  switch (order) {
    case 'jump':
      return [0, 1].map((to) => ({ name: `jump ${to}`, event: { type: 'jump', step: to } }));
    case 'setWeight':
      return [0, 75].map((weight) => ({ name: `setWeight ${weight}`, event: { type: 'setWeight', weight } }));
    case 'approve':
      return [{ name: `approve ${step}`, event: { type: 'approve', step, question: 'Go on?' }, heals: true }];
    case 'reject':
      return [{ name: `reject ${step}`, event: { type: 'reject', step, question: 'Go on?' } }];
    case 'abort':
      return [{ name: 'abort', event: { type: 'abort', reason: 'by hand' } }];
    case 'alert':
      return [
        { name: 'alert', event: alert('firing', moment) },
        { name: 'resolved alert', event: alert('resolved', moment), heals: true },
      ];
    case 'warning':
      return [
        { name: 'alert that pauses', event: alert('firing', moment, 'warning') },
        { name: 'resolved alert that pauses', event: alert('resolved', moment, 'warning'), heals: true },
      ];
    case 'oldAlert':
      return [
        { name: 'old alert', event: alert('firing', longBefore) },
        { name: 'resolved old alert', event: alert('resolved', longBefore), heals: true },
      ];
    case 'supersede':
      return [{ name: 'supersede', event: { type: 'supersede', tag: '2.0.0' } }];
    case 'resume':
    case 'retry':
      return [{ name: order, event: { type: order }, heals: true }];
    default:
      return [{ name: order, event: { type: order } }];
  }
};

const routeIn = (params: Effect['params']): string | undefined => (typeof params['route'] === 'string' ? params['route'] : undefined);

export interface Steps {
  first(): State;
  of(state: State): readonly Successor[];
  /** Everything has come to its end: nothing is under way and nobody waits. */
  isEnd(state: State): boolean;
}

/** Everything that can happen in a world. `landed` is called for each write that reaches the cluster. */
export const stepsOf = (config: WorldConfig, behaviour: Behaviour, documents: Documents, landed: (landing: Landing) => void, lost: (what: string) => void): Steps => {
  const { perform, thaw } = performers(config, behaviour);
  const { faults, rollout } = config;
  const rolloutDocument = rolloutId(rollout);
  const ids = [rolloutDocument, releaseId(rollout, 1), releaseId(rollout, 2)];

  const inputTo = (slot: number, id: string, event: InputEvent, more: Partial<Input> = {}): Input => ({ id, document: ids[slot] as string, event, receivedAt: moment, by: 'somebody', ...more });

  /** The state after one document took an input: the hung worker's effect follows its key, or is in no outbox any more. */
  const put = (state: State, slot: number, taken: Taken, world = state.world): State => {
    const next = [...state.documents] as [View, View | undefined, View | undefined];
    if (taken.view !== undefined) next[slot] = taken.view;
    const { hung } = world;
    const key = hung === undefined || hung.release !== slot || hung.key === undefined ? hung?.key : taken.keys.get(hung.key);
    const rekeyed = hung === undefined || key === hung.key ? world : { ...world, hung: { ...hung, key } };
    return { documents: next, world: taken.view === state.documents[slot] ? rekeyed : outpaced(rekeyed, slot) };
  };

  const resultOf = (state: State, slot: number, effect: Effect, event: InputEvent, world: World, when: When = 'now'): State => {
    const view = state.documents[slot] as View;
    const key = `${effect.key} ${JSON.stringify(event)}`;
    const input = () => inputTo(slot, `result/${effect.key}`, event, { effect: { key: effect.key, name: effect.name } });
    return put(state, slot, documents.take(view, key, input, when), world);
  };

  const landing =
    (before: World, performed: Performed, wish: Wish, view: View, wanted: boolean, then: () => State): (() => State) =>
    () => {
      if (performed.wrote) landed({ before, after: performed.world, wish, view, wanted });
      return then();
    };

  const unavailable = (effect: Effect): InputEvent => ({ type: `${effect.name}.unavailable`, reason: '' });

  const trafficSteps = (state: State, slot: number, view: View, effect: Effect): Successor[] => {
    const { world } = state;
    const wish: Wish = { release: view.n, name: effect.name, route: routeIn(effect.params), params: effect.params };
    const name = `${effect.name}${wish.route === undefined ? '' : ` ${wish.route}`}`;
    const at = `release ${slot}: ${name}`;
    const performed = perform(world, wish, view);
    const result = performed.event.type.split('.').at(-1);
    const successors: Successor[] = [{ label: `${at} ${result}`, state: landing(world, performed, wish, view, true, () => resultOf(state, slot, effect, performed.event, performed.world)), heals: true }];
    const add = (label: string, next: () => State): void => void successors.push({ label: `${at} ${label}`, state: next, heals: false });

    if (faults.lost && performed.wrote) add('performed, result lost', () => ({ ...state, world: performed.world }));
    if (faults.unavailable) {
      for (const when of ['now', 'late'] as const) {
        add(`unavailable${when === 'late' ? ', late' : ''}`, () => resultOf(state, slot, effect, unavailable(effect), world, when));
        if (performed.wrote) add(`performed, unavailable${when === 'late' ? ', late' : ''}`, () => resultOf(state, slot, effect, unavailable(effect), performed.world, when));
      }
    }
    if (faults.unavailable || faults.dies) if (!performed.wrote && result === 'done') add('done, late', () => resultOf(state, slot, effect, performed.event, world, 'late'));
    if (faults.results) for (const event of otherResults(effect, config)) add(String(event.type.split('.').at(-1)), () => resultOf(state, slot, effect, event, world));
    if ((faults.hung === true ? isWrite(effect.name) : faults.hung === 'ways back' && effect.name === 'route.restore') && world.hung === undefined) {
      if (behaviour.hangs === 'taken') add('hangs', () => ({ ...state, world: { ...world, hung: { ...wish, key: effect.key, at: 'taken', stale: false, creates: false } } }));
      else if (performed.wrote || effect.name === 'route.restore') {
        const creates = effect.name === 'fleet.write' && world.fleet === undefined;
        const markers = creates ? [...new Set([...world.markers, view.n])] : world.markers;
        add('hangs before its write', () => ({ ...state, world: { ...world, markers, hung: { ...wish, key: effect.key, at: 'read', stale: false, creates } } }));
      }
    }
    return successors;
  };

  const tellSteps = (state: State, slot: number, view: View): Successor[] =>
    (behaviour.tellsInOrder ? view.aside.slice(0, 1) : view.aside).flatMap((effect) => {
      const { to, id, event } = effect.params as unknown as { to: string; id: string; event: InputEvent };
      const target = ids.indexOf(to);
      if (target === -1) return [];
      const at = `${slot === 0 ? 'rollout' : `release ${slot}`} tells ${target === 0 ? 'rollout' : `release ${target}`} ${event.type}`;
      const arrived = (): State => {
        if (state.documents[target] === undefined && event.type !== 'release.opened') lost(`${at}, which does not exist yet`);
        return put(state, target, documents.take(state.documents[target], `told ${id} ${JSON.stringify(event)}`, () => inputTo(target, id, event)));
      };
      const done = (): State => {
        const after = arrived();
        return resultOf(after, slot, effect, { type: 'document.send.done' }, after.world);
      };
      return [{ label: at, state: done, heals: true }, ...(faults.lost ? [{ label: `${at}, result lost`, state: arrived, heals: false }] : [])];
    });

  const timerSteps = (state: State, slot: number, view: View): Successor[] =>
    view.timers.flatMap((name) => {
      const input = () => inputTo(slot, `timer/${name}`, { type: 'timer' }, { timer: { name, arm: view.document.timers[name]?.arm ?? 0 } });
      const at = (when: When) => () => put(state, slot, documents.take(view, `timer ${name}`, input, when));
      const label = `release ${slot}: timer ${name}`;
      // Whether a look at stable also asks for the canary depends on when the canary was last seen.
      const late = view.phase === 'settling' && faults.dies ? [{ label: `${label}, late`, state: at('late'), heals: true }] : [];
      return [{ label, state: at('now'), heals: true }, ...late];
    });

  const orderSteps = (state: State, slot: number, view: View): Successor[] =>
    config.orders.flatMap((order) =>
      orderEvents(order, view).map(({ name, event, heals = false }) => ({
        label: `release ${slot}: ${name}`,
        state: () => put(state, slot, documents.take(view, `order ${name}`, () => inputTo(slot, `order/${name}/${documents.count()}`, event))),
        heals,
      })),
    );

  const onceSteps = (state: State): Successor[] =>
    config.once.flatMap((once) => {
      const { to, id, event } = onceEvents[once];
      const slot = to === 'rollout' ? 0 : to;
      const view = state.documents[slot];
      if (view === undefined || (once === 'push2' && !state.world.delivered.includes('push1'))) return [];
      if (!state.world.delivered.includes(once) && asksForRelease.has(once) && releasesAsked(state) >= mostReleases) return [];
      const input = () => inputTo(slot, id, event);
      if (state.world.delivered.includes(once)) {
        if (documents.take(view, `once ${once}`, input).view !== view) lost(`a copy of ${once} was taken for a new input`);
        return [];
      }
      return [{ label: once, state: () => put(state, slot, documents.take(view, `once ${once}`, input), { ...state.world, delivered: [...state.world.delivered, once].sort() }), heals: once === 'resolvedToRollout' }];
    });

  const environmentSteps = (state: State): Successor[] => {
    const { world } = state;
    const { fleet } = world;
    const successors: Successor[] = [];
    const add = (label: string, next: World, heals: boolean): void => void successors.push({ label, state: () => ({ ...state, world: next }), heals });
    const fleetIs = (change: Partial<Fleet>): World => ({ ...world, fleet: { ...(fleet as Fleet), ...change } });

    if (fleet !== undefined && fleet.ready < fleet.size) add('canary pods ready', fleetIs({ ready: fleet.size, lost: false }), true);
    if (faults.dies && fleet !== undefined && fleet.ready > 0) add('canary pods die', fleetIs({ ready: 0, lost: true }), false);
    if (orphaned(world)) add('garbage collector removes the canary', written({ ...world, fleet: undefined }, 'fleet'), true);
    if (world.pods === 'short') add('stable pods ready, of two versions', { ...world, pods: 'mixed' }, true);
    if (world.pods === 'mixed') add('stable pods all new', { ...world, pods: 'full' }, true);
    if (faults.foreignRoutes)
      for (const [key, { weight, mark, shape }] of Object.entries(world.routes)) {
        if (shape === 0) add(`somebody moves the entries of ${key}`, withRoute(world, key, { shape: 1 }), false);
        if (weight !== null) add(`somebody removes our entry from ${key}`, withRoute(world, key, { weight: null }), false);
        if (mark !== 0) add(`somebody removes our annotations from ${key}`, withRoute(world, key, { mark: 0, stamped: false }), false);
      }
    const relied = state.documents.some((view) => view !== undefined && view.n > 0 && !view.ended && view.phase !== 'preparing');
    if (faults.foreignTemplate && relied && world.template !== 'foreign') add('somebody writes another template', written({ ...world, template: 'foreign', pods: 'short' }, 'stable'), false);
    if (faults.foreignTemplate && world.template === 'v1') add('somebody puts template v0 back', written({ ...world, template: 'v0', pods: 'short' }, 'stable'), true);
    if (world.template === 'foreign') for (const version of ['v0', 'v1']) add(`somebody puts template ${version} back`, written({ ...world, template: version, pods: 'short' }, 'stable'), true);
    return successors;
  };

  /** One worker reads on in memory, until it saves, is outpaced by another, or dies (DESIGN section 3, "When to save"). */
  const aheadSteps = (state: State): Successor[] => {
    if (faults.ahead === undefined) return [];
    const { world } = state;
    const { ahead } = world;
    const reads = (slot: 1 | 2, view: View, stale: boolean): Successor[] =>
      view.traffic.flatMap((effect) => {
        if (isWrite(effect.name) && (ahead === undefined || behaviour.savesBeforeWrites)) return [];
        const wish: Wish = { release: view.n, name: effect.name, route: routeIn(effect.params), params: effect.params };
        const performed = perform(world, wish, view);
        const input = () => inputTo(slot, `result/${effect.key}`, performed.event, { effect: { key: effect.key, name: effect.name } });
        const next = documents.take(view, `${effect.key} ${JSON.stringify(performed.event)}`, input).view ?? view;
        const reach = (): State => ({ ...state, world: { ...performed.world, ahead: { slot, view: next, stale } } });
        return [{ label: `release ${slot}: ${effect.name} ${performed.event.type.split('.').at(-1)}, not saved`, state: landing(world, performed, wish, view, true, reach), heals: false }];
      });
    if (ahead === undefined) return state.documents.flatMap((view, slot) => (slot === 0 || view === undefined ? [] : reads(slot as 1 | 2, view, false)));
    const { slot, view, stale } = ahead;
    const free: World = { ...world, ahead: undefined };
    const saved = (): State => {
      if (stale && behaviour.savesOverItsOwn) return { ...state, world: free };
      const next = [...state.documents] as [View, View | undefined, View | undefined];
      next[slot] = view;
      return { documents: next, world: free };
    };
    return [
      { label: `release ${slot}: ${stale ? 'a save that comes too late' : 'saved'}`, state: saved, heals: true },
      { label: `release ${slot}: the worker dies before it saves`, state: () => ({ ...state, world: free }), heals: false },
      ...reads(slot, view, stale),
    ];
  };

  const thawStep = (state: State): Successor[] => {
    const { hung } = state.world;
    if (hung === undefined) return [];
    const view = state.documents[hung.release] as View;
    const thawed = thaw(state.world, view);
    const at = `release ${hung.release}: the hung ${hung.name} goes on`;
    if (thawed === 'overtaken') return [{ label: at, state: () => ({ ...state, world: { ...state.world, hung: undefined } }), heals: true }];
    const effect: Effect = { key: hung.key ?? 'gone', name: hung.name as Effect['name'], params: hung.params as Effect['params'] };
    return [{ label: at, state: landing(state.world, thawed, hung, view, hung.key !== undefined, () => resultOf(state, hung.release, effect, thawed.event, thawed.world)), heals: true }];
  };

  return {
    first() {
      const taken = documents.take(undefined, 'applied', () => inputTo(0, 'applied', { type: 'definition.applied', definition: rollout as unknown as Json }));
      return { documents: [taken.view as View, undefined, undefined], world: firstWorld((config.rollout.targets[0]?.routes ?? []).map(({ key }) => key)) };
    },
    of(state) {
      const successors: Successor[] = [...onceSteps(state), ...thawStep(state), ...aheadSteps(state)];
      for (const [slot, view] of state.documents.entries()) {
        if (view === undefined) continue;
        for (const effect of view.traffic) successors.push(...trafficSteps(state, slot, view, effect));
        successors.push(...tellSteps(state, slot, view));
        if (slot > 0) successors.push(...timerSteps(state, slot, view), ...orderSteps(state, slot, view));
      }
      successors.push(...environmentSteps(state));
      return successors;
    },
    isEnd: ({ documents: [main, ...releases], world }) =>
      main.document.outbox.length === 0 &&
      main.phase === 'free' &&
      world.hung === undefined &&
      world.ahead === undefined &&
      !orphaned(world) &&
      releases.every((view) => view === undefined || (view.ended && view.document.outbox.length === 0)),
  };
};

/** Somebody else has saved the document that a worker holds in memory. */
const outpaced = (world: World, slot: number): World =>
  world.ahead?.slot === slot && !world.ahead.stale ? { ...world, ahead: { ...world.ahead, stale: true } } : world;

/** A world has room for two releases. */
const mostReleases = 2;
const asksForRelease: ReadonlySet<Once> = new Set(['push1', 'push2', 'retryRollout']);
const releasesAsked = (state: State): number => {
  const { counter, waiting } = state.documents[0].document.snapshot.context as unknown as RolloutContext;
  return counter + waiting.length;
};

/** Results that nothing in the world gives a reason for: each may come all the same. */
const otherResults = (effect: Effect, config: WorldConfig): readonly InputEvent[] => {
  const named = resultEvents(effect.name)
    .filter((type) => !type.endsWith('.done') && !type.endsWith('.unavailable'))
    .map((type): InputEvent => ({ type, reason: '', who: 'somebody', what: 'something' }));
  if (effect.name === 'analysis.look') return [...named, { type: 'analysis.look.done', value: 2 }, { type: 'analysis.look.done' }];
  if (effect.name === 'fleet.look') return [...named, { type: 'fleet.look.done', ready: 0, failing: 'ImagePullBackOff' }];
  if (effect.name === 'stable.look') return [...named, { type: 'stable.look.done', done: false, ready: config.facts.replicas - 1, wanted: config.facts.replicas, failing: 'CrashLoopBackOff' }];
  return named;
};
