import type { Input, InputEvent, Json } from '../../events/input.ts';
import { advance, dueTimers, resultInput } from '../../statemachines/advance.ts';
import type { Advanced } from '../../statemachines/advanced.ts';
import type { Counts } from '../../statemachines/counts.ts';
import { releaseId, rolloutId, type Rollout } from '../../statemachines/definition/rollout.ts';
import type { Document, JournalRow } from '../../statemachines/document.ts';
import type { Effect } from '../../statemachines/effects.ts';
import type { ReleaseContext } from '../../statemachines/release/context.ts';
import type { RolloutContext } from '../../statemachines/rollout/machine.ts';

/** One document under a hand-held clock, in a world where everything succeeds unless told otherwise. */
export interface Driver {
  document(): Document;
  place(): string;
  context(): ReleaseContext & RolloutContext;
  now(): number;
  /** Sets the clock, forwards or backwards. */
  at(now: number): void;
  /** An input from outside. Without an id it gets one of its own. */
  send(event: InputEvent, id?: string, more?: Partial<Input>): Advanced;
  take(input: Input): Advanced;
  effect(name: string): Effect;
  wishes(): readonly string[];
  /** The result of the effect of this name. */
  answer(name: string, outcome?: string, more?: Record<string, Json | undefined>): Advanced;
  /** Performs effects and lets timers come when they are due, until the state is like `place`. */
  until(place: RegExp): void;
  readonly journal: readonly JournalRow[];
  /** What each step that was taken added to the totals. */
  readonly counts: readonly Counts[];
}

const start = Date.UTC(2026, 0, 1);

const succeed = (rollout: Rollout, effect: Effect): Record<string, Json | undefined> => {
  const target = String(effect.params['target'] ?? '');
  switch (effect.name) {
    case 'image.resolve':
      return { digest: effect.params['digest'] ?? 'sha256:new' };
    case 'release.preflight':
      return {
        targets: Object.fromEntries(
          rollout.targets.map(({ name, routes }) => [
            name,
            { template: 'hash', image: 'demo:old', pinned: 'demo@sha256:new', container: 'app', replicas: 4, routes: Object.fromEntries(routes.map(({ key }) => [key, { fragile: false, lagMs: 2_000 }])) },
          ]),
        ),
      };
    case 'fleet.look':
      return { ready: 100 };
    case 'route.plan':
      return { armed: { cluster: 'default', object: { apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', name: target }, ops: [], stampPath: '/stamp', memory: null } };
    case 'route.verify':
      return { canary: effect.params['canary'] };
    case 'stable.look':
      return { done: true, ready: 4, wanted: 4 };
    case 'liveness.look':
      return { ready: 4 };
    case 'analysis.look':
      return { value: 0 };
    default:
      return {};
  }
};

const drive = (rollout: Rollout, opening: Input): Driver => {
  let now = start;
  let count = 0;
  const journal: JournalRow[] = [];
  const counts: Counts[] = [];
  let document: Document | undefined;

  const driver: Driver = {
    journal,
    counts,
    document: () => document as Document,
    place: () => JSON.stringify(document?.snapshot.value),
    context: () => document?.snapshot.context as never,
    now: () => now,
    at: (to) => void (now = to),
    take(input) {
      const advanced = advance(document, input, now);
      document = advanced.document === undefined ? undefined : (JSON.parse(JSON.stringify(advanced.document)) as Document);
      if (advanced.row !== undefined) journal.push(advanced.row);
      if (advanced.counts !== undefined) counts.push(advanced.counts);
      return advanced;
    },
    send: (event, id = `input-${++count}`, more = {}) => driver.take({ id, document: opening.document, event, receivedAt: now, by: 'ann', ...more }),
    effect(name) {
      const found = document?.outbox.find((effect) => effect.name === name);
      if (found === undefined) throw new Error(`${driver.place()} does not wish for ${name}, but for ${driver.wishes().join(', ') || 'nothing'}`);
      return found;
    },
    wishes: () => (document?.outbox ?? []).map(({ name }) => name),
    answer(name, outcome = 'done', more) {
      const effect = driver.effect(name);
      return driver.take(resultInput(opening.document, effect, { type: `${name}.${outcome}`, reason: 'because', ...(more ?? succeed(rollout, effect)) }, now, { ms: 5, calls: 2 }));
    },
    until(place) {
      for (let steps = 0; steps < 1_000; steps++) {
        if (place.test(driver.place())) return;
        const [effect] = document?.outbox ?? [];
        if (effect !== undefined) driver.answer(effect.name);
        else {
          const due = Object.values(document?.timers ?? {}).map(({ dueAt }) => dueAt);
          if (due.length === 0) break;
          now = Math.max(now, Math.min(...due));
          for (const timer of dueTimers(document as Document, now).slice(0, 1)) driver.take(timer);
        }
      }
      throw new Error(`never came to ${String(place)}; it stands at ${driver.place()}`);
    },
  };
  driver.take(opening);
  return driver;
};

/** A release that was just opened. */
export const driveRelease = (rollout: Rollout, more: Record<string, Json | undefined> = {}): Driver => {
  const event = { type: 'release.opened', definition: rollout as unknown as Json, n: 1, image: 'registry.example.com/team/demo', tag: '2.0.0', digest: 'sha256:new', startedBy: 'ann', startedAt: start, quarantined: {}, firing: {}, ...more };
  return drive(rollout, { id: 'open/pro/demo/1', document: releaseId(rollout, 1), event, receivedAt: start });
};

/** A rollout whose definition was just applied. */
export const driveRollout = (rollout: Rollout): Driver =>
  drive(rollout, { id: 'applied', document: rolloutId(rollout), event: { type: 'definition.applied', definition: rollout as unknown as Json }, receivedAt: start });
