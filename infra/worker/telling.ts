import type { DocumentId, Input, Millis } from '../../events/input.ts';
import type { Document, JournalRow, Outcome } from '../../statemachines/document.ts';
import { isWrite, type Effect } from '../../statemachines/effects.ts';
import type { Performed } from '../perform/perform.ts';
import type { SaveResult } from '../store/port.ts';
import type { Level, Span, Tracing } from '../tracing/port.ts';

/** What a run tells of itself: lines for whoever follows one id, spans where they are exported. */
export interface Telling {
  /** The document was read; `begun` is when the run began. */
  loaded(document: Document | undefined, begun: Millis): void;
  /** The input as the run takes it, so that what follows from it stands below this run. */
  carried(input: Input): Input;
  saved(rows: readonly JournalRow[], begun: Millis, save: () => Promise<SaveResult>): Promise<SaveResult>;
  performed(effect: Effect, performing: () => Promise<Performed>): Promise<Performed>;
  ended(outcomes: readonly Outcome[], error?: unknown): void;
}

const untold: Telling = {
  loaded: () => undefined,
  carried: (input) => input,
  saved: (_rows, _begun, save) => save(),
  performed: (_effect, performing) => performing(),
  ended: () => undefined,
};

export const tellRun = (tracing: Tracing | undefined, id: DocumentId, inputs: readonly Input[]): Telling => {
  if (tracing === undefined) return untold;
  let span: Span | undefined;
  /** Timers and wakes have no sender: they go on with what the document began with. */
  let origin = inputs[0]?.trace;
  return {
    loaded: (document, begun) => {
      origin ??= document?.trace;
      span = tracing.span?.({ name: inputs[0] === undefined ? 'wake' : `handle ${inputs[0].event.type}`, kind: 'consumer', parent: origin, document: id, startedAt: begun });
    },
    carried: (input) => (span === undefined || input.effect !== undefined ? input : { ...input, trace: span.trace }),
    saved: async (rows, begun, save) => {
      const saving = tracing.span?.({ name: 'advance', kind: 'internal', parent: span?.trace, document: id, startedAt: begun, attributes: { 'sluice.inputs': rows.map(({ input }) => input.event.type).join(' ') } });
      const result = await save().catch((error: unknown) => {
        saving?.end({}, spelled(error));
        throw error;
      });
      saving?.end({ 'sluice.outcome': result.ok ? 'saved' : result.reason, 'sluice.version': rows.at(-1)?.version });
      if (result.ok) for (const row of rows) tracing.log(weight(row), 'input judged', judged(row, origin));
      else tracing.log('debug', 'not saved', { trace: origin, document: id, outcome: result.reason });
      return result;
    },
    performed: async (effect, performing) => {
      const { key, name } = effect;
      const trace = effect.trace ?? origin;
      const acting = tracing.span?.({ name, kind: 'internal', parent: trace, document: id, attributes: { 'sluice.effect': name, 'sluice.key': key } });
      const done = await performing();
      const outcome = done.event.type.slice(name.length + 1);
      const failed = outcome === 'unavailable' || outcome === 'refused';
      const reason = typeof done.event['reason'] === 'string' ? done.event['reason'] : undefined;
      acting?.end({ 'sluice.outcome': outcome, 'sluice.calls': done.cost.calls }, failed ? (reason ?? outcome) : undefined);
      tracing.log(failed ? 'warn' : isWrite(name) ? 'info' : 'debug', 'effect performed', { trace, document: id, effect: name, key, outcome, reason, ...done.cost });
      return done;
    },
    ended: (outcomes, error) => span?.end({ 'sluice.outcome': outcomes.join(' ') || undefined }, error === undefined ? undefined : spelled(error)),
  };
};

export const spelled = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

/** What people would want to know: whatever came from outside, and whatever was worth a sentence. */
const weight = ({ input, said }: JournalRow): Level => (said !== undefined || (input.effect === undefined && input.timer === undefined) ? 'info' : 'debug');

const judged = ({ document, version, input, outcome, said }: JournalRow, origin: string | undefined) => ({
  trace: input.trace ?? origin,
  document,
  input: input.event.type,
  id: input.id,
  by: input.by,
  effect: input.effect?.name,
  key: input.effect?.key,
  timer: input.timer?.name,
  outcome,
  said,
  version,
});
