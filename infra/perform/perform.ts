import type { Input, InputEvent, Json, Millis } from '../../events/input.ts';
import type { Document } from '../../statemachines/document.ts';
import type { Effect, EffectName, EffectParams } from '../../statemachines/effects.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Ports } from '../ports.ts';
import { lookAtMetrics } from './analysis.ts';
import { countedCalls } from './counted-calls.ts';
import { pinAutoscaler, unpinAutoscaler } from './autoscaler.ts';
import { deleteFleet, lookAtFleet, lookForLife, writeFleet } from './fleet.ts';
import { Overtaken, type Performer } from './performing.ts';
import { preflight } from './preflight.ts';
import { cleanRoute, planRoute, restoreRoute, verifyRoute, writeRoute } from './routes.ts';
import { lookAtStable, writeTemplate } from './stable.ts';

/** No effect may take longer than this; its deadline cancels what it is doing. */
const longestEffectMs = 10_000;

const resolveImage: Performer<'image.resolve'> = async ({ image, tag, digest }, { ports, signal }) => {
  const found = await ports.registry.resolve(image, digest ?? tag ?? 'latest', signal);
  if (found.outcome === 'found') return { type: 'image.resolve.done', digest: found.digest };
  return { type: `image.resolve.${found.outcome}`, reason: found.reason };
};

/** The receiver takes an input of the same id only once, so the id is the name this is made once by. */
const sendToDocument: Performer<'document.send'> = async ({ to, id, event, urgent }, { effect, ports }) => {
  const input = { id, document: to, event: event as InputEvent, receivedAt: ports.clock.now(), ...(urgent ? { urgent } : {}), ...(effect.trace === undefined ? {} : { trace: effect.trace }) };
  await ports.queue.send([{ id: `${id}>${to}`, lane: urgent ? 'urgent' : 'normal', group: to, body: { type: 'input', input } }]);
  return { type: 'document.send.done' };
};

/** One line an effect. */
const performers: { readonly [N in EffectName]: Performer<N> } = {
  'image.resolve': resolveImage,
  'release.preflight': preflight,
  'autoscaler.pin': pinAutoscaler,
  'autoscaler.unpin': unpinAutoscaler,
  'fleet.write': writeFleet,
  'fleet.look': lookAtFleet,
  'fleet.delete': deleteFleet,
  'route.plan': planRoute,
  'route.write': writeRoute,
  'route.verify': verifyRoute,
  'route.restore': restoreRoute,
  'route.clean': cleanRoute,
  'template.write': writeTemplate,
  'stable.look': lookAtStable,
  'liveness.look': lookForLife,
  'analysis.look': lookAtMetrics,
  'document.send': sendToDocument,
};

/** What came of an effect, and what it took. */
export interface Performed {
  readonly event: InputEvent;
  readonly cost: NonNullable<Input['cost']>;
}

/** Performs one effect of a document within `leftMs`. Never throws: what went wrong is one of the effect's outcomes. */
export const perform = async (effect: Effect, document: Document, ports: Ports, leftMs: Millis = longestEffectMs): Promise<Performed> => {
  const begun = ports.clock.now();
  const counted = countedCalls(ports);
  const event = await outcomeOfPerforming(effect, document, counted.ports, Math.max(0, Math.min(longestEffectMs, Math.floor(leftMs))));
  return { event, cost: { ms: ports.clock.now() - begun, calls: counted.calls() } };
};

const outcomeOfPerforming = async (effect: Effect, document: Document, ports: Ports, deadlineMs: Millis): Promise<InputEvent> => {
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    const performer = performers[effect.name] as Performer<EffectName>;
    const attempt = (): Promise<InputEvent> => performer(effect.params as unknown as EffectParams[EffectName], { effect, document, ports, signal });
    const event = await attempt();
    // What was read may be older than our own last write. Whoever is blamed, nothing has been written yet.
    return blames(event) ? await attempt() : event;
  } catch (error) {
    return { type: `${effect.name}.${outcomeOf(error)}`, reason: error instanceof Error ? error.message : String(error) } satisfies Record<string, Json>;
  }
};

/** Says that somebody else changed what is ours. */
const blames = ({ type, foreign }: InputEvent): boolean => type.endsWith('.foreign') || type.endsWith('.changed') || foreign !== undefined;

/** What asking again may mend is `unavailable`; everything else, an unexpected error included, is `refused` with its reason. */
const outcomeOf = (error: unknown): 'unavailable' | 'refused' => {
  if (error instanceof Overtaken) return 'unavailable';
  if (error instanceof ClusterError) return error.failure === 'invalid' || error.failure === 'forbidden' || error.failure === 'absent' ? 'refused' : 'unavailable';
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError') ? 'unavailable' : 'refused';
};
