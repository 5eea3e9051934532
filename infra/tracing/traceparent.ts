import { randomBytes } from 'node:crypto';
import type { Trace } from '../../events/input.ts';

/** What a `traceparent` says. Ids are lower-case hex: 32 digits of the trace, 16 of the span that caused what follows. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  /** The caller may have recorded its part. */
  readonly sampled: boolean;
}

const parts = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads a `traceparent` by W3C Trace Context level 1, sections 3.2 and 3.2.4: lower-case hex only, ids of nothing but zeros and
 * version ff are invalid, version 00 ends after the flags, and of a later version the first four parts are read as those of 00.
 */
export const parseTraceparent = (text: string): TraceParent | undefined => {
  const [, version, traceId = '', spanId = '', flags = '', more] = parts.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
};

export const formatTraceparent = ({ traceId, spanId, sampled }: TraceParent): Trace => `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;

/** A trace of our own that nobody has recorded yet. */
export const newTrace = (): Trace => {
  const random = randomBytes(24).toString('hex');
  return formatTraceparent({ traceId: random.slice(0, 32), spanId: random.slice(32), sampled: false });
};

/** Our own place in the trace that a caller began, or a new trace where what the caller sent is none. */
export const childOf = (given: string | undefined): Trace => {
  const parent = given === undefined ? undefined : parseTraceparent(given);
  return parent === undefined ? newTrace() : formatTraceparent({ ...parent, spanId: randomBytes(8).toString('hex') });
};

/** The id that stands in every line of a trace. */
export const traceIdOf = (trace: Trace): string => trace.slice(3, 35);
