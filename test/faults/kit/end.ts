import type { KubeObject } from '../../../infra/cluster/port.ts';
import { at } from '../../../infra/workload/template.ts';
import type { Document, JournalRow } from '../../../statemachines/document.ts';
import { effectTable, isEffectName, isWrite, type Effect } from '../../../statemachines/effects.ts';
import { namespace, route } from '../../fixtures/demo.ts';
import type { Driven } from './driver.ts';
import { phaseOf } from './watched.ts';
import type { World } from './world.ts';

/** How a world came out, without what only times, attempts and duplicates change. What a rollout hears of its releases has no order. */
export interface End {
  readonly driven: Driven;
  readonly objects: Readonly<Record<string, unknown>>;
  readonly documents: Readonly<Record<string, unknown>>;
  readonly journal: Readonly<Record<string, readonly string[]>>;
  readonly traffic: readonly string[];
  /** What somebody would still have to do: outboxes and timers. */
  readonly left: readonly string[];
  readonly dead: readonly string[];
  readonly broken: readonly string[];
  readonly lostUsers: number;
}

const kinds: readonly (readonly [apiVersion: string, kind: string])[] = [
  ['apps/v1', 'Deployment'],
  ['v1', 'Service'],
  ['v1', 'ConfigMap'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler'],
  [route.apiVersion, route.kind],
];

/** As its owner would write it down. */
const written = ({ metadata, kind, spec, ...rest }: KubeObject): unknown => ({
  labels: metadata.labels,
  // The Deployment controller counts template changes in one.
  annotations: kind === 'Deployment' ? Object.keys(metadata.annotations ?? {}).filter((name) => name.startsWith('sluice.dev/')) : metadata.annotations,
  spec,
  ready: at({ ...rest, metadata, kind } as KubeObject, 'status', 'readyReplicas'),
});

export const objectsOf = async (world: World): Promise<Readonly<Record<string, unknown>>> => {
  const reader = world.sandbox.asUser('reader');
  const lists = await Promise.all(kinds.map(([apiVersion, kind]) => reader.list({ apiVersion, kind, namespace })));
  return JSON.parse(JSON.stringify(Object.fromEntries(lists.flat().map((object) => [`${object.kind} ${object.metadata.name}`, written(object)])))) as Record<string, unknown>;
};

/** What a document decided, in the words of its last state. */
const decided = (document: Document): unknown => {
  const { ending, active, waiting, lastGood, quarantined, exposedAt } = document.snapshot.context as Record<string, never>;
  return JSON.parse(
    JSON.stringify({ state: document.snapshot.value, ending, active, waiting, quarantined, exposed: exposedAt !== undefined, lastGood: (lastGood as readonly { tag: string; release: number }[] | undefined)?.map(({ tag, release }) => `${tag} by ${release}`) }),
  ) as unknown;
};

/** The story a journal tells: what came from outside, what was written, and the phases on the way. */
const storyOf = (rows: readonly JournalRow[]): readonly string[] => {
  const wishes = new Map<string, Effect>(rows.flatMap(({ effects }) => effects.map((effect) => [effect.key, effect] as const)));
  const story: string[] = [];
  const heard = new Set<string>();
  const tell = (line: string): void => {
    if (story.at(-1) !== line) story.push(line);
  };
  for (const { input, outcome, state } of rows) {
    if (input.effect !== undefined) {
      const { name, key } = input.effect;
      if (isEffectName(name) && isWrite(name) && effectTable[name].lane === 'traffic' && input.event.type === `${name}.done`) tell(`${name} ${spellParams(wishes.get(key))}`.trim());
    } else if (input.timer === undefined && !heard.has(input.id)) {
      heard.add(input.id);
      tell(`${input.event.type}${outcome === 'noted' ? ', not needed' : ''}`);
    }
    tell(`[${phaseOf({ snapshot: { value: state } } as Document)}]`);
  }
  return story.filter((line, i) => !(line.startsWith('[') && story.slice(0, i).findLast((earlier) => earlier.startsWith('[')) === line));
};

const spellParams = (effect: Effect | undefined): string => {
  const { canary, replicas, image, back } = effect?.params ?? {};
  return Object.entries({ canary, replicas, image, back })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
};

const page = 1_000;
const journalOf = async ({ store }: World, id: string): Promise<readonly JournalRow[]> => {
  const rows: JournalRow[] = [];
  for (;;) {
    const more = await store.journal(id, rows.at(-1)?.version ?? 0, page);
    rows.push(...more);
    if (more.length < page) return rows;
  }
};

export const endOf = async (world: World, driven: Driven): Promise<End> => {
  const { watched, queue } = world;
  // Pods have a last grace period, and the garbage collector its pace.
  world.clock.advance(60_000);
  const documents = [...watched.documents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const journals = await Promise.all(documents.map(({ id }) => journalOf(world, id)));
  return {
    driven,
    objects: await objectsOf(world),
    documents: Object.fromEntries(documents.map((document) => [document.id, decided(document)])),
    journal: Object.fromEntries(documents.map(({ id }, i) => [id, id.startsWith('rollout/') ? storyOf(journals[i] ?? []).toSorted() : storyOf(journals[i] ?? [])])),
    traffic: watched.traffic,
    left: documents.flatMap(({ id, outbox, timers }) => [...outbox.map(({ name }) => `${id}: ${name}`), ...Object.keys(timers).map((name) => `${id}: timer ${name}`)]),
    dead: (await queue.deadLetters(100)).map(({ reason }) => reason),
    broken: watched.broken,
    lostUsers: world.lost(),
  };
};

/** The first thing that two ends differ in, with both; undefined when there is none. */
export const differs = (wanted: unknown, got: unknown, where = 'end'): string | undefined => {
  if (Object.is(wanted, got)) return undefined;
  const both = [wanted, got];
  if (both.every((one) => typeof one === 'object' && one !== null) && Array.isArray(wanted) === Array.isArray(got)) {
    const [a, b] = both as [Record<string, unknown>, Record<string, unknown>];
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = differs(a[key], b[key], `${where}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return `${where}: ${short(got)} instead of ${short(wanted)}`;
};

const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
