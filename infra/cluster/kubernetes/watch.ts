import type { IncomingMessage } from 'node:http';
import { ClusterError, type KubeObject, type WatchEvent } from '../port.ts';
import { answerFailure, connectionFailure, statusOf } from './failures.ts';
import { linesOf } from './transport.ts';

/** One line of a watch, as the API server writes it; `ERROR` carries a Status object. */
const eventOf = (what: string, line: string): WatchEvent => {
  const event = JSON.parse(line) as { readonly type: WatchEvent['type'] | 'ERROR'; readonly object: KubeObject };
  if (event.type !== 'ERROR') return { type: event.type, object: event.object };
  const status = JSON.stringify(event.object);
  throw answerFailure(what, 'watch', statusOf(status)?.code ?? 500, {}, status);
};

/**
 * The events of a watch that is being opened; opening goes on whether or not anybody asks for the first event yet.
 * Ends quietly when the signal aborts. The server ends every watch some time: that, like any error, is thrown, because a watch
 * that goes silent must not look like one on which nothing happens.
 */
export const watchEvents = (what: string, opening: Promise<IncomingMessage>, signal: AbortSignal): AsyncIterable<WatchEvent> => {
  opening.catch(() => undefined); // handled by whoever iterates
  return (async function* () {
    let response: IncomingMessage | undefined;
    try {
      response = await opening;
      for await (const line of linesOf(response)) yield eventOf(what, line);
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof ClusterError ? error : connectionFailure(what, signal, error);
    } finally {
      response?.destroy();
    }
    if (!signal.aborted) throw new ClusterError('unavailable', `${what}: the server ended the watch`);
  })();
};
