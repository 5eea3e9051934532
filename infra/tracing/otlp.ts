import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type Attributes as SpanAttributes } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace';
import * as http from 'node:http';
import * as https from 'node:https';
import type { DocumentId, Trace } from '../../events/input.ts';
import { checkUrl } from '../outbound/guard.ts';
import { guardedLookup } from '../outbound/http.ts';
import type { Allowance } from '../outbound/port.ts';
import type { SecretRef, Secrets } from '../secrets/port.ts';
import type { Attributes, Span, SpanStart } from './port.ts';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

export interface OtlpOptions {
  /** The whole address, e.g. `https://collector.example.com/v1/traces`. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, SecretRef>> | undefined;
  readonly secrets: Secrets;
  readonly allow: Allowance;
  /** Hears once that spans are being lost, and again after it went well in between. */
  readonly lost: (reason: string) => void;
}

/** Spans that wait to be sent; more are dropped. */
const mostWaiting = 2_048;
const batch = 256;
/** A batch is given up after this, its repetitions included. */
const exportMs = 3_000;
const flushMs = 500;
/** After a collector did not answer, nobody waits for it for this long. */
const restMs = 30_000;

const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, internal: SpanKind.INTERNAL } as const;

/**
 * Spans over OTLP/HTTP. Every one is kept, whatever a sender said of its own sampling: releases are few, and their senders are
 * registries and alert managers that sample for other reasons. Throws where the URL may not be called.
 */
export const otlpSpans = ({ url, headers = {}, secrets, allow, lost }: OtlpOptions) => {
  const checked = checkUrl(url, allow);
  if (!checked.ok) throw new Error(`tracing.otlp.${checked.reason}`);
  const module = checked.url.protocol === 'https:' ? https : http;
  const agent = new module.Agent({ keepAlive: true, lookup: guardedLookup(allow) });
  const exporter = new OTLPTraceExporter({
    url,
    headers: async () => Object.fromEntries(await Promise.all(Object.entries(headers).map(async ([name, ref]) => [name, await secrets.read(ref)] as const))),
    timeoutMillis: exportMs,
    // A flush sends everything that waits at once, beside what is on its way.
    concurrencyLimit: mostWaiting / batch + 1,
    httpAgentOptions: () => agent,
  });
  const sending = new Set<Promise<void>>();
  let restUntil = 0;
  let well = true;

  const watched: SpanExporter = {
    export: (spans, done) => {
      const sent = new Promise<void>((resolve) => {
        exporter.export(spans, (result) => {
          if (result.error !== undefined && well) lost(`${checked.url.origin}: ${result.error.message}`);
          well = result.error === undefined;
          restUntil = well ? 0 : Date.now() + restMs;
          done(result);
          resolve();
        });
      });
      sending.add(sent);
      void sent.finally(() => sending.delete(sent));
    },
    shutdown: () => exporter.shutdown(),
  };
  const processor = new BatchSpanProcessor({ exporter: watched, maxQueueSize: mostWaiting, maxExportBatchSize: batch, scheduledDelayMillis: 1_000, exportTimeoutMillis: exportMs });
  const provider = new TracerProvider({ resource: resourceFromAttributes({ 'service.name': 'sluice' }), sampler: new AlwaysOnSampler(), spanProcessors: [processor] });
  const tracer = provider.getTracer('sluice');

  const span = ({ name, kind, parent, document, startedAt, attributes = {} }: SpanStart): Span => {
    const started = tracer.startSpan(
      name,
      { kind: kinds[kind], attributes: { ...namesOf(document), ...given(attributes) }, ...(startedAt === undefined ? {} : { startTime: startedAt }) },
      below(parent),
    );
    const { traceId, spanId } = started.spanContext();
    return {
      trace: formatTraceparent({ traceId, spanId, sampled: true }),
      end: (more = {}, failure) => {
        started.setAttributes(given(more));
        started.setStatus(failure === undefined ? { code: SpanStatusCode.OK } : { code: SpanStatusCode.ERROR, message: failure });
        started.end();
      },
    };
  };

  const flush = async (): Promise<void> => {
    if (Date.now() < restUntil) return;
    const all = processor.forceFlush().then(() => Promise.all(sending)).then(
      () => true,
      () => false,
    );
    if (!(await within(flushMs, all))) restUntil = Date.now() + restMs;
  };

  return {
    span,
    flush,
    close: async (): Promise<void> => {
      await flush();
      // What a dead collector has not taken by now is lost; a shutdown of the SDK would wait for it.
      agent.destroy();
    },
  };
};

/** What a promise says, or false after so many milliseconds. */
const within = async (ms: number, promise: Promise<boolean>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};

const below = (parent: Trace | undefined) => {
  const known = parent === undefined ? undefined : parseTraceparent(parent);
  if (known === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = known;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true });
};

const given = (attributes: Attributes): SpanAttributes => Object.fromEntries(Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

/** `release/<namespace>/<name>/<n>` as attributes. */
const namesOf = (document: DocumentId | undefined): SpanAttributes => {
  const [, namespace, rollout, release] = document?.split('/') ?? [];
  return given({ 'sluice.namespace': namespace, 'sluice.rollout': rollout, 'sluice.release': release === undefined ? undefined : Number(release) });
};
