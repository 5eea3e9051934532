import type { IncomingHttpHeaders } from 'node:http';
import { ClusterError, type ClusterFailure } from '../port.ts';

/** What a call was, for messages and for the budget of requests. */
export type Verb = 'get' | 'list' | 'create' | 'patch' | 'delete' | 'watch';

const failureOf = (verb: Verb, status: number): ClusterFailure => {
  if (status === 401 || status === 403) return 'forbidden';
  if (status === 404) return 'absent';
  if (status === 409) return verb === 'create' ? 'exists' : 'conflict';
  // A list or watch from a version that the server no longer has (410) is over; starting again gives a new one.
  if (status === 410 || status === 429 || status >= 500) return 'unavailable';
  return 'invalid';
};

/** Seconds, or a date, which is read against the server's own clock (RFC 9110, 10.2.3). */
const retryAfterOf = (headers: IncomingHttpHeaders): number | undefined => {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.parse(headers.date ?? '');
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
};

/** The `Status` object that the API server explains itself with, where the body is one. */
export const statusOf = (body: string): { readonly message: string; readonly code: number } | undefined => {
  try {
    const found: unknown = JSON.parse(body);
    if (typeof found !== 'object' || found === null || !('kind' in found) || found.kind !== 'Status') return undefined;
    return {
      message: 'message' in found && typeof found.message === 'string' ? found.message : '',
      code: 'code' in found && typeof found.code === 'number' ? found.code : 0,
    };
  } catch {
    return undefined;
  }
};

/** An answer that is not a success, as the port names it. `what` says where: cluster, verb, object. */
export const answerFailure = (what: string, verb: Verb, status: number, headers: IncomingHttpHeaders, body: string): ClusterError => {
  const said = statusOf(body)?.message ?? body.slice(0, 200).trim();
  const retryAfterMs = retryAfterOf(headers);
  return new ClusterError(failureOf(verb, status), `${what}: ${status} ${said}`, { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
};

/** No whole answer came: the deadline or the caller ended the call, or there is no connection. */
export const connectionFailure = (what: string, signal: AbortSignal, cause: unknown): ClusterError => {
  if (signal.aborted) {
    const passed = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
    return new ClusterError('timeout', `${what}: ${passed ? 'no answer before the deadline' : 'given up by the caller'}`, { cause: signal.reason });
  }
  // Where several addresses were tried in vain, only the code says something.
  const why = cause instanceof Error ? cause.message || ('code' in cause ? String(cause.code) : cause.name) : String(cause);
  return new ClusterError('unavailable', `${what}: ${why}`, { cause });
};
