import { jsonLog } from './log.ts';
import type { OtlpOptions } from './otlp.ts';
import type { Tracing } from './port.ts';

interface TracingOptions extends Pick<OtlpOptions, 'secrets' | 'allow'> {
  readonly otlp?: Pick<OtlpOptions, 'url' | 'headers'> | undefined;
  /** Where lines go; standard output, from the level that `SLUICE_LOG` names, unless told. */
  readonly log?: Tracing['log'];
}

/** Lines, and spans where a collector is configured: OpenTelemetry is loaded only then. Throws where its URL may not be called. */
export const openTracing = async ({ otlp, secrets, allow, log = jsonLog() }: TracingOptions): Promise<Tracing> => {
  if (otlp === undefined) return { log, flush: () => Promise.resolve(), close: () => Promise.resolve() };
  const { otlpSpans } = await import('./otlp.ts');
  return { log, ...otlpSpans({ ...otlp, secrets, allow, lost: (reason) => log('warn', 'spans are lost', { reason }) }) };
};
