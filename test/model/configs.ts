import type { Analysis, Rollout, Step } from '../../statemachines/definition/rollout.ts';

/** What may go wrong in a world. Each multiplies the states, so each world names its own. */
export interface Faults {
  /** Performed, and the worker died before the result was saved. */
  readonly lost?: true;
  /** The world does not answer, before or after the effect took place, in time and after the progress deadline. */
  readonly unavailable?: true;
  /** Every other result an effect may have, at any time. */
  readonly results?: true;
  /** One worker at a time hangs between its reads and its write, and writes at any later time; `ways back`: only with a `route.restore`. */
  readonly hung?: true | 'ways back';
  /** One worker at a time goes on in memory and saves later, while others handle the same document. */
  readonly ahead?: true;
  /** The canary loses its pods. */
  readonly dies?: true;
  /** Somebody else writes the routes, or stable's template. */
  readonly foreignRoutes?: true;
  readonly foreignTemplate?: true;
}

/** People's orders that a release may get at every state, any number of times, each with an id of its own. */
export type Order = 'abort' | 'pause' | 'resume' | 'promote' | 'skip' | 'jump' | 'setWeight' | 'approve' | 'reject' | 'retry' | 'alert' | 'warning' | 'oldAlert' | 'supersede';

/** Inputs with a natural id: each comes once, and copies of it any number of times afterwards. */
export type Once = 'push1' | 'push2' | 'approve0' | 'alertToRollout' | 'resolvedToRollout' | 'unlock' | 'retryRollout';

export interface WorldConfig {
  readonly name: string;
  readonly rollout: Rollout;
  readonly facts: { readonly replicas: number; readonly fragile: boolean; readonly autoscaler: boolean };
  readonly faults: Faults;
  readonly orders: readonly Order[];
  readonly once: readonly Once[];
  /** Why an end need not be reachable here; absent: it must be, from every state. */
  readonly mayStandStill?: string;
}

const health: Analysis = {
  provider: 'prometheus',
  intervalMs: 10_000,
  warmUpMs: 0,
  passes: 1,
  failures: 1,
  onNoData: 'wait',
  onProviderDown: 'pause',
  judgement: { type: 'bound', query: 'errors', max: 1 },
};

export const step = (weight: number, more: Partial<Step> = {}): Step => ({ name: `to-${weight}`, weight, holdMs: 0, analyses: [], ...more });

interface Shape {
  readonly routes?: 1 | 2;
  readonly steps?: readonly Step[];
  readonly analyses?: Rollout['analyses'];
  readonly onPush?: Rollout['onPush'];
}

/** One target with one or two routes. */
export const rolloutOf = ({ routes = 1, steps = [step(50)], analyses = {}, onPush = 'supersede' }: Shape): Rollout => ({
  name: 'demo',
  namespace: 'pro',
  targets: [
    {
      name: 'demo',
      cluster: 'default',
      workload: { kind: 'Deployment', name: 'demo', service: 'demo' },
      routes: Array.from({ length: routes }, (_, at) => ({ key: `demo/IngressRoute/r${at}`, kind: 'IngressRoute', name: `r${at}` })),
    },
  ],
  triggers: [{ image: 'registry.example.com/team/demo' }],
  onPush,
  analyses,
  steps,
  alerts: [
    { match: { severity: 'critical' }, do: 'rollback' },
    { match: { severity: 'warning' }, do: 'pause' },
  ],
  alertsBefore: 'wait',
  skewMs: 120_000,
  watchMs: 600_000,
  progressDeadlineMs: 600_000,
  livenessMs: 10_000,
});

const plain = { replicas: 2, fragile: false, autoscaler: false };

/** The worlds that are explored, the cheapest first. */
export const worlds: readonly WorldConfig[] = [
  {
    name: 'orders',
    rollout: rolloutOf({ steps: [step(50, { holdMs: 60_000 }), step(100)] }),
    facts: plain,
    faults: {},
    orders: ['abort', 'pause', 'resume', 'promote', 'skip', 'jump', 'setWeight', 'retry', 'alert', 'supersede'],
    once: ['push1'],
  },
  {
    name: 'approvals',
    rollout: rolloutOf({ steps: [step(0, { replicas: 1, question: 'Go on?' }), step(50, { question: 'Go on?' })] }),
    facts: plain,
    faults: {},
    orders: ['abort', 'pause', 'resume', 'approve', 'reject', 'jump', 'skip'],
    once: ['push1', 'approve0'],
  },
  {
    name: 'analysis',
    rollout: rolloutOf({ steps: [step(50, { analyses: ['health'], holdMs: 60_000 })], analyses: { health } }),
    facts: { ...plain, fragile: true },
    faults: { unavailable: true, results: true, dies: true, lost: true },
    orders: ['abort', 'pause', 'resume', 'retry', 'warning'],
    once: ['push1'],
  },
  {
    name: 'crashes',
    rollout: rolloutOf({ routes: 2 }),
    facts: { ...plain, autoscaler: true },
    faults: { lost: true, unavailable: true, results: true },
    orders: ['abort', 'pause', 'resume', 'retry', 'alert'],
    once: ['push1'],
  },
  {
    name: 'hung worker',
    rollout: rolloutOf({}),
    facts: { ...plain, autoscaler: true },
    faults: { hung: true, lost: true, unavailable: true },
    orders: ['abort', 'alert', 'pause', 'resume', 'retry'],
    once: ['push1'],
  },
  {
    name: 'two workers',
    rollout: rolloutOf({ steps: [step(50, { question: 'Go on?' })] }),
    facts: plain,
    faults: { ahead: true, lost: true, unavailable: true },
    orders: ['abort', 'alert', 'pause', 'resume', 'retry', 'approve'],
    once: ['push1', 'approve0'],
  },
  {
    name: 'foreign writes',
    rollout: rolloutOf({ routes: 2 }),
    facts: plain,
    faults: { foreignRoutes: true, foreignTemplate: true, unavailable: true },
    orders: ['abort', 'resume', 'retry'],
    once: ['push1'],
  },
  {
    name: 'dying canary',
    rollout: rolloutOf({ routes: 2, steps: [step(50, { holdMs: 60_000 }), step(100)] }),
    facts: { ...plain, fragile: true },
    faults: { dies: true, lost: true, hung: true },
    orders: ['abort', 'pause', 'resume', 'setWeight', 'retry', 'oldAlert'],
    once: ['push1'],
  },
  {
    name: 'two releases',
    rollout: rolloutOf({}),
    facts: plain,
    faults: { hung: true, lost: true },
    orders: ['abort', 'resume', 'retry'],
    once: ['push1', 'push2', 'alertToRollout', 'resolvedToRollout'],
  },
  {
    name: 'late way back',
    rollout: rolloutOf({}),
    facts: plain,
    faults: { hung: 'ways back' },
    orders: ['abort'],
    once: ['push1', 'push2'],
  },
  {
    name: 'unlocked',
    rollout: rolloutOf({}),
    facts: plain,
    faults: { unavailable: true },
    orders: ['abort', 'resume', 'retry'],
    once: ['push1', 'push2', 'unlock'],
    mayStandStill: 'two releases that each put their own template back wait for each other until a person ends one',
  },
  {
    name: 'queued release',
    rollout: rolloutOf({ onPush: 'queue' }),
    facts: plain,
    faults: { lost: true, unavailable: true, results: true },
    orders: ['abort', 'resume', 'retry'],
    once: ['push1', 'push2', 'alertToRollout', 'resolvedToRollout', 'retryRollout'],
  },
  {
    name: 'everything',
    rollout: rolloutOf({ routes: 2, steps: [step(50, { holdMs: 60_000 }), step(100, { question: 'Go on?' })] }),
    facts: { replicas: 2, fragile: true, autoscaler: true },
    faults: { hung: true, lost: true, unavailable: true, results: true, dies: true, foreignRoutes: true, foreignTemplate: true },
    orders: ['abort', 'pause', 'resume', 'promote', 'skip', 'jump', 'setWeight', 'approve', 'reject', 'retry', 'alert', 'warning', 'oldAlert', 'supersede'],
    once: ['push1', 'push2', 'alertToRollout', 'resolvedToRollout', 'approve0'],
  },
];

export const worldNamed = (name: string): WorldConfig => {
  const found = worlds.find((world) => world.name === name);
  if (found === undefined) throw new Error(`no world is called ${JSON.stringify(name)}; there are ${worlds.map((world) => world.name).join(', ')}`);
  return found;
};
