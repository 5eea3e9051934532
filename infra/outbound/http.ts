import { lookup } from 'node:dns/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import type { LookupFunction } from 'node:net';
import { checkUrl, ForbiddenAddress, resolveAllowed, type Resolve } from './guard.ts';
import type { Allowance, Outbound, OutboundRequest, OutboundResult } from './port.ts';

const defaultTimeoutMs = 8_000;
const defaultMaxBytes = 1_048_576;

const systemResolve: Resolve = (host) => lookup(host, { all: true });

/**
 * Outbound over Node's own client. The global fetch has no hook at the moment of connecting, this client has. Each request has a
 * connection of its own, because a kept one would let a strict call travel over what a lax call opened.
 */
export const httpOutbound = (resolve: Resolve = systemResolve): Outbound => async (request) => {
  const { allow = {}, timeoutMs = defaultTimeoutMs } = request;
  const checked = checkUrl(request.url, allow);
  if (!checked.ok) return { outcome: 'forbidden', reason: checked.reason };
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = request.signal === undefined ? deadline : AbortSignal.any([request.signal, deadline]);
  const { origin } = checked.url;
  try {
    return await exchange(checked.url, request, guardedLookup(allow, resolve), signal);
  } catch (error) {
    if (error instanceof ForbiddenAddress) return { outcome: 'forbidden', reason: `${origin}: ${error.message}` };
    if (deadline.aborted) return { outcome: 'failed', reason: `${origin}: did not answer within ${timeoutMs} ms` };
    if (signal.aborted) return { outcome: 'failed', reason: `${origin}: was given up by the caller` };
    return { outcome: 'failed', reason: `${origin}: ${(error as Error).message}` };
  }
};

/** A look-up for sockets of clients that are not ours: names may only lead to addresses that may be called. */
export const guardedLookup =
  (allow: Allowance, resolve: Resolve = systemResolve): LookupFunction =>
  (host, options, callback) => {
    resolveAllowed(host, resolve, allow).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true || first === undefined) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, []),
    );
  };

const exchange = (url: URL, request: OutboundRequest, guarded: LookupFunction, signal: AbortSignal): Promise<OutboundResult> => {
  const { method = 'GET', headers = {}, body, maxBytes = defaultMaxBytes } = request;
  const client = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let answered = false;
    const sent = client.request(
      url,
      { method, headers: { 'user-agent': 'sluice', ...headers }, agent: false, lookup: guarded, signal },
      (response) => {
        answered = true;
        readBody(response, maxBytes).then(
          (bytes) => resolve({ outcome: 'answered', status: response.statusCode ?? 0, headers: plainHeaders(response.headers), body: bytes }),
          (error: Error) => {
            sent.destroy();
            reject(error);
          },
        );
      },
    );
    sent.on('error', reject);
    // An answer that switches protocols ends the request with neither a response nor an error.
    sent.on('close', () => {
      if (!answered) reject(new Error('closed the connection without an answer'));
    });
    sent.end(body);
  });
};

const readBody = async (response: http.IncomingMessage, maxBytes: number): Promise<Uint8Array> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`answered more than ${maxBytes} bytes, which is the limit`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const plainHeaders = (headers: http.IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]])),
  );
