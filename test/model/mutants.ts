import type { Input } from '../../events/input.ts';
import { advance } from '../../statemachines/advance.ts';
import type { Advanced } from '../../statemachines/advanced.ts';
import type { Document } from '../../statemachines/document.ts';
import { effectTable, type Effect } from '../../statemachines/effects.ts';
import { asBuilt, type Advance, type Behaviour } from './behaviour.ts';
import { phaseOf } from './documents.ts';

/** A naive choice brought back, and the world that must catch it within `budget` states. */
export interface Mutant {
  readonly name: string;
  readonly world: string;
  readonly behaviour: Behaviour;
}

const performs = (change: Partial<Behaviour>): Behaviour => ({ ...asBuilt, ...change });
const decides = (mutated: Advance): Behaviour => ({ ...asBuilt, advance: mutated });
const withoutWayBack = (name: string): Behaviour => performs({ wayBackWrites: new Set([...asBuilt.wayBackWrites].filter((other) => other !== name)) });

const fromOutside = ({ effect, timer }: Input): boolean => effect === undefined && timer === undefined;
const isTraffic = ({ name }: Effect): boolean => effectTable[name].lane === 'traffic';

type Change = (after: Document, before: Document, input: Input, advanced: Advanced) => Document;

/** The core as it is, and then its document changed. */
const afterwards = (change: Change): Behaviour =>
  decides((before, input, now) => {
    const advanced = advance(before, input, now);
    return before === undefined || advanced.document === undefined || advanced.document === before ? advanced : { ...advanced, document: change(advanced.document, before, input, advanced) };
  });

/** The core as it is, but told something else. */
const told = (change: (document: Document, input: Input) => { readonly document?: Document; readonly input?: Input }): Behaviour =>
  decides((document, input, now) => {
    if (document === undefined) return advance(document, input, now);
    const { document: seen = document, input: heard = input } = change(document, input);
    const advanced = advance(seen, heard, now);
    return advanced.document === seen ? { ...advanced, document } : advanced;
  });

const hears = (change: (type: string) => Input['event'] | undefined): Behaviour =>
  told((_document, input) => {
    const event = change(input.event.type);
    return event === undefined ? {} : { input: { ...input, event } };
  });

const phase = (document: Document): string => phaseOf(document.snapshot.value);
const withContext = (document: Document, change: Document['snapshot']['context']): Document => ({ ...document, snapshot: { ...document.snapshot, context: { ...document.snapshot.context, ...change } } });
const wishedFor = (document: Document, wishes: readonly Omit<Effect, 'key'>[]): Document => ({ ...document, outbox: [...document.outbox, ...wishes.map((wish, at) => ({ ...wish, key: `${document.version}/m${at}` }))] });

export const mutants: readonly Mutant[] = [
  {
    name: 'abort puts its writes behind what the outbox holds',
    world: 'hung worker',
    behaviour: afterwards((after, before, input) => {
      const kept = before.outbox.filter((effect) => isTraffic(effect) && effect.key !== input.effect?.key && !after.outbox.some(({ key }) => key === effect.key));
      return { ...after, outbox: [...kept, ...after.outbox] };
    }),
  },
  { name: 'a way back of a route writes nothing when the content is right', world: 'hung worker', behaviour: withoutWayBack('route.restore') },
  { name: 'a way back of the template writes nothing when the content is right', world: 'hung worker', behaviour: withoutWayBack('template.write') },
  { name: 'a way back of the autoscaler writes nothing when the content is right', world: 'hung worker', behaviour: withoutWayBack('autoscaler.unpin') },
  { name: 'a failed test of an armed write counts as done', world: 'foreign writes', behaviour: performs({ plansAgain: false }) },
  { name: 'armed writes do not test the mark', world: 'late way back', behaviour: performs({ testsMark: false }) },
  { name: 'entries are left at weight 0', world: 'orders', behaviour: performs({ removesEntries: false }) },
  { name: 'no second look at the document before a write', world: 'hung worker', behaviour: performs({ fenced: false, hangs: 'taken' }) },
  { name: 'writes are not conditional on what was read', world: 'hung worker', behaviour: performs({ conditional: false }) },
  { name: 'what a release creates is not owned by its marker', world: 'hung worker', behaviour: performs({ ownedByMarker: false }) },
  { name: 'capacity is what was asked for, not what is ready', world: 'orders', behaviour: performs({ looksAtEndpoints: false }) },
  { name: 'what one document tells another may overtake', world: 'two releases', behaviour: performs({ tellsInOrder: false }) },
  {
    name: 'inputs that were ignored are forgotten',
    world: 'approvals',
    behaviour: afterwards((after, before, _input, { outcome }) => (outcome === 'noted' ? { ...after, seen: before.seen } : after)),
  },
  { name: 'copies of inputs are taken again', world: 'approvals', behaviour: told((document, input) => (fromOutside(input) ? { document: { ...document, seen: [] } } : {})) },
  {
    name: 'timers have no arm',
    world: 'orders',
    behaviour: told((document, input) => {
      const armed = input.timer === undefined ? undefined : document.timers[input.timer.name];
      return input.timer === undefined || armed === undefined ? {} : { input: { ...input, timer: { ...input.timer, arm: armed.arm } } };
    }),
  },
  {
    name: 'results of effects that were dropped are accepted',
    world: 'hung worker',
    behaviour: told((document, { effect }) => (effect === undefined || document.outbox.some(({ key }) => key === effect.key) ? {} : { document: { ...document, outbox: [...document.outbox, { key: effect.key, name: effect.name as Effect['name'], params: {} }] } })),
  },
  {
    name: 'abort waits for the effect under way',
    world: 'orders',
    behaviour: decides((document, input, now) => (input.event.type === 'abort' && document?.outbox.some(isTraffic) === true ? { outcome: 'noted', document } : advance(document, input, now))),
  },
  {
    name: 'the canary is deleted together with its routes',
    world: 'crashes',
    behaviour: afterwards((after, before) => (phase(after) === 'rollingBack' && phase(before) === 'stepping' ? wishedFor(after, [{ name: 'fleet.delete', params: { target: 'demo' } }]) : after)),
  },
  {
    name: 'only the first route is armed',
    world: 'crashes',
    behaviour: afterwards((after) => ({ ...after, armed: Object.fromEntries(Object.entries(after.armed).slice(0, 1)) })),
  },
  {
    name: 'abort in settling sends the armed writes',
    world: 'orders',
    behaviour: afterwards((after, before) =>
      phase(after) === 'restoring' && phase(before) === 'settling' ? wishedFor({ ...after, outbox: [] }, Object.keys(after.armed).map((route) => ({ name: 'route.restore', params: { target: 'demo', route } }))) : after,
    ),
  },
  {
    name: 'the tag is promoted, not the digest that was pinned',
    world: 'orders',
    behaviour: afterwards((after) => ({ ...after, outbox: after.outbox.map((effect) => (effect.name === 'template.write' && effect.params['back'] === false ? { ...effect, params: { ...effect.params, image: '1.0.0' } } : effect)) })),
  },
  {
    name: 'a push begins a release whatever else is under way',
    world: 'two releases',
    behaviour: told((document, input) => (input.event.type === 'image.pushed' ? { document: { ...withContext(document, { active: undefined }), snapshot: { ...withContext(document, { active: undefined }).snapshot, value: 'free' } } } : {})),
  },
  {
    name: 'alerts that were known before count',
    world: 'crashes',
    behaviour: told((document, input) => (input.event.type === 'alert' && document.kind === 'release' && document.snapshot.context['exposedAt'] !== undefined ? { document: withContext(document, { firing: {} }) } : {})),
  },
  {
    name: 'alerts do not hold up a release that began with them firing',
    world: 'crashes',
    behaviour: decides((document, input, now) => {
      const firing = document?.kind === 'release' && !fromOutside(input) ? document.snapshot.context['firing'] : undefined;
      if (document === undefined || firing === undefined) return advance(document, input, now);
      const quiet = withContext(document, { firing: {} });
      const advanced = advance(quiet, input, now);
      if (advanced.document === quiet) return { ...advanced, document };
      return advanced.document === undefined ? advanced : { ...advanced, document: withContext(advanced.document, { firing }) };
    }),
  },
  { name: 'a worker saves over what another one has saved', world: 'two workers', behaviour: performs({ savesOverItsOwn: false }) },
  { name: 'a worker writes before it saves', world: 'two workers', behaviour: performs({ savesBeforeWrites: false }) },
  { name: 'no data passes', world: 'analysis', behaviour: hears((type) => (type === 'analysis.look.noData' ? { type: 'analysis.look.done', value: 0 } : undefined)) },
  {
    name: 'pause stops the clock and nothing else',
    world: 'crashes',
    behaviour: decides((document, input, now) => {
      const paused = document?.kind === 'release' && !fromOutside(input) ? document.snapshot.context['paused'] : undefined;
      if (document === undefined || paused === undefined) return advance(document, input, now);
      const unpaused = withContext(document, { paused: undefined });
      const advanced = advance(unpaused, input, now);
      if (advanced.document === unpaused) return { ...advanced, document };
      return advanced.document === undefined ? advanced : { ...advanced, document: withContext(advanced.document, { paused }) };
    }),
  },
  { name: 'a result is forgotten: the route is not in effect yet', world: 'crashes', behaviour: hears((type) => (type === 'route.verify.notYet' ? { type: 'nobody.knows' } : undefined)) },
  { name: 'stable carries as soon as its template is written', world: 'orders', behaviour: told((_document, input) => (input.event.type === 'stable.look.done' ? { input: { ...input, event: { ...input.event, done: true } } } : {})) },
  {
    name: 'nobody looks whether an exposed canary lives',
    world: 'dying canary',
    behaviour: told((_document, input) => {
      const { targets } = input.event as { targets?: Record<string, { routes: Record<string, object> }> };
      if (targets === undefined) return {};
      const calm = Object.entries(targets).map(([name, facts]) => [name, { ...facts, routes: Object.fromEntries(Object.entries(facts.routes).map(([route, what]) => [route, { ...what, fragile: false }])) }]);
      return { input: { ...input, event: { ...input.event, targets: Object.fromEntries(calm) } } };
    }),
  },
];
