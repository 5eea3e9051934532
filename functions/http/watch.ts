import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { DocumentId } from '../../events/input.ts';
import { releaseId, rolloutId } from '../../statemachines/definition/rollout.ts';
import type { JournalRow } from '../../statemachines/document.ts';
import { rolloutNamed, viewOf, type Named } from './documents.ts';
import type { Served } from './served.ts';

/** Of each journal in one event; a function's answer may have 6 MB. */
const mostRows = 1_000;
const heartbeatMs = 15_000;
/** How soon those ask again whom nobody can keep a connection to, in milliseconds. */
const askAgainMs = 2_000;

const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };

/** One watch of one rollout: what is new at each look, as an event of which `id` says how far the reader has come. */
const watchOf = ({ ports: { store, clock } }: Pick<Served, 'ports'>, named: Named, lastEventId: string) => {
  const seen = new Map<DocumentId, number>();
  const [, rolloutVersion, n, version] = /^(\d{1,15})\/(\d{1,15})\/(\d{1,15})$/.exec(lastEventId) ?? [];
  seen.set(rolloutId(named), Number(rolloutVersion ?? 0));
  if (n !== undefined) seen.set(releaseId(named, Number(n)), Number(version));

  const news = async (id: DocumentId): Promise<readonly JournalRow[]> => {
    const rows = await store.journal(id, seen.get(id) ?? 0, mostRows);
    seen.set(id, rows.at(-1)?.version ?? seen.get(id) ?? 0);
    return rows;
  };
  return {
    /** `more`: not everything there was to tell fitted in. */
    event: async (): Promise<{ readonly text: string; readonly more: boolean }> => {
      const rollout = await viewOf(store, await rolloutNamed(store, named));
      const release = rollout.release === undefined ? undefined : releaseId(named, rollout.release.n);
      const [ofRollout, ofRelease] = [await news(rolloutId(named)), release === undefined ? [] : await news(release)];
      const id = `${seen.get(rolloutId(named)) ?? 0}/${rollout.release?.n ?? 0}/${release === undefined ? 0 : (seen.get(release) ?? 0)}`;
      return {
        text: `id: ${id}\ndata: ${JSON.stringify({ rollout, rows: [...ofRollout, ...ofRelease], now: clock.now() })}\n\n`,
        more: ofRollout.length === mostRows || ofRelease.length === mostRows,
      };
    },
  };
};

const lastEventId = ({ headers: { 'last-event-id': given } }: FastifyRequest): string => (typeof given === 'string' ? given : '');

/**
 * Server-sent events of a rollout: at once, and whenever it was saved. Where nothing runs between requests there is one event and the
 * advice to ask again with its id, which is what every EventSource does.
 */
export const watchRoute = (app: FastifyInstance, served: Served): void => {
  const { ports: { store, tracing }, onSaved } = served;
  app.get<{ Params: Named }>('/api/rollouts/:namespace/:name/watch', async (request, reply) => {
    const { params } = request;
    const watch = watchOf(served, params, lastEventId(request));
    if (onSaved === undefined) return reply.headers(headers).send(`retry: ${askAgainMs}\n${(await watch.event()).text}`);
    await rolloutNamed(store, params);
    reply.hijack();
    const out = reply.raw;
    out.writeHead(200, headers);
    let sending = false;
    let again = false;
    const send = async (): Promise<void> => {
      again = true;
      if (sending) return;
      sending = true;
      try {
        while (again && !out.destroyed) {
          again = false;
          const { text, more } = await watch.event();
          again ||= more;
          out.write(text);
        }
      } catch (error) {
        // The reader connects again and is told by an ordinary answer what is wrong.
        tracing?.log('error', 'a watch ended', { reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
        out.end();
      } finally {
        sending = false;
      }
    };
    const [mine, releases] = [rolloutId(params), `release/${params.namespace}/${params.name}/`];
    const stop = onSaved((document) => {
      if (document === mine || document.startsWith(releases)) void send();
    });
    const beat = setInterval(() => out.write(': still here\n\n'), heartbeatMs);
    out.on('close', () => {
      clearInterval(beat);
      stop();
    });
    await send();
  });
};
