import type { Millis } from '../../events/input.ts';
import { authorization, type Auth } from '../outbound/authorization.ts';
import type { Allowance, Outbound, OutboundResult } from '../outbound/port.ts';
import type { Secrets } from '../secrets/port.ts';
import type { Sample } from './exposition.ts';
import { snappyBlock, writeRequest } from './write-request.ts';

export interface RemoteWriteTarget {
  /** The whole address, e.g. `https://prometheus.example.com/api/v1/write`. */
  readonly url: string;
  readonly auth?: Auth;
  /** Tells this Sluice from others that write to the same place. */
  readonly instance: string;
  readonly send: Outbound;
  readonly secrets: Secrets;
  readonly allow?: Allowance;
}

/**
 * `dropped`: the receiver has newer or other samples of that moment (400); sending them again gives the same.
 * `refused`: another answer that no repetition changes, or an address or secret that cannot be used.
 * `unavailable`: 429, 5xx or no answer; worth another try, after `retryAfterMs` where the receiver named it.
 */
export type Written =
  | { readonly outcome: 'written'; readonly series: number }
  | { readonly outcome: 'dropped' | 'refused'; readonly reason: string }
  | { readonly outcome: 'unavailable'; readonly reason: string; readonly retryAfterMs?: number };

/** As many series as receivers take in one request. */
const mostSeries = 2_000;
const longestReason = 300;

/** Sends one point of each sample by Prometheus remote write 1.0, in as many requests as it takes. Never throws. */
export const remoteWrite = async (target: RemoteWriteTarget, samples: readonly Sample[], at: Millis, signal: AbortSignal): Promise<Written> => {
  let dropped: Written | undefined;
  for (let from = 0; from < samples.length; from += mostSeries) {
    const written = await writeBatch(target, samples.slice(from, from + mostSeries), at, signal);
    if (written.outcome === 'dropped') dropped = written;
    else if (written.outcome !== 'written') return written;
  }
  return dropped ?? { outcome: 'written', series: samples.length };
};

const writeBatch = async ({ url, auth, instance, send, secrets, allow }: RemoteWriteTarget, samples: readonly Sample[], at: Millis, signal: AbortSignal): Promise<Written> => {
  let credentials: string | undefined;
  try {
    credentials = auth === undefined ? undefined : await authorization(auth, secrets);
  } catch (error) {
    return { outcome: 'refused', reason: (error as Error).message };
  }
  const result = await send({
    url,
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
      ...(credentials === undefined ? {} : { authorization: credentials }),
    },
    body: snappyBlock(writeRequest(samples, { job: 'sluice', instance }, at)),
    ...(allow === undefined ? {} : { allow }),
    signal,
  });
  return judge(result, samples.length, at);
};

const judge = (result: OutboundResult, series: number, now: Millis): Written => {
  if (result.outcome === 'forbidden') return { outcome: 'refused', reason: result.reason };
  if (result.outcome === 'failed') return { outcome: 'unavailable', reason: result.reason };
  const { status, headers, body } = result;
  if (status >= 200 && status < 300) return { outcome: 'written', series };
  const said = Buffer.from(body).toString('utf8').trim().slice(0, longestReason);
  const reason = `the receiver answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (status === 400) return { outcome: 'dropped', reason };
  if (status !== 429 && status < 500) return { outcome: 'refused', reason };
  const retryAfterMs = readRetryAfter(headers['retry-after'], now);
  return { outcome: 'unavailable', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
};

/** Seconds or a date (RFC 9110, 10.2.3), as milliseconds from now. */
const readRetryAfter = (text: string | undefined, now: Millis): number | undefined => {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
};
