import type { FastifyInstance } from 'fastify';
import { releaseId, rolloutId } from '../../statemachines/definition/rollout.ts';
import type { JournalRow } from '../../statemachines/document.ts';
import { replay } from '../../statemachines/replay.ts';
import type { RolloutContext } from '../../statemachines/rollout/machine.ts';
import { gate } from './access.ts';
import { historyOf, rolloutNamed, viewOf, type Named } from './documents.ts';
import { Problem } from './problems.ts';
import type { Served } from './served.ts';

const mostRollouts = 1_000;
const mostReleases = 50;
const mostRows = 5_000;
const heartbeatMs = 15_000;

const number = (text: string | undefined, field: string, fallback: number): number => {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Problem(400, 'bad-number', `${field}: found ${JSON.stringify(text)}, allowed is a whole number`);
  return value;
};

/** Everything that can be looked at. */
export const viewRoutes = (app: FastifyInstance, { config, secrets, ports, onSaved, sandbox }: Served): void => {
  const { store, queue, clock } = ports;
  app.register(async (views) => {
    views.addHook('onRequest', gate(config, secrets, 'viewer').onRequest);

    views.get('/api/rollouts', async () => ({
      rollouts: await Promise.all((await store.list('rollout/', mostRollouts)).map((document) => viewOf(store, document))),
      deadLetters: (await queue.deadLetters(mostRollouts)).length,
      sandbox: sandbox !== undefined,
      now: clock.now(),
    }));

    views.get<{ Params: Named }>('/api/rollouts/:namespace/:name', async ({ params }) => ({ rollout: await viewOf(store, await rolloutNamed(store, params)), now: clock.now() }));

    views.get<{ Params: Named }>('/api/rollouts/:namespace/:name/history', async ({ params }) => ({ releases: await historyOf(store, params, mostReleases) }));

    views.get<{ Params: Named; Querystring: { release?: string; after?: string } }>('/api/rollouts/:namespace/:name/events', async ({ params, query }) => {
      const rollout = await rolloutNamed(store, params);
      const newest = (rollout.snapshot.context as unknown as RolloutContext).counter;
      const n = number(query.release, 'release', newest);
      return { rows: await store.journal(n === 0 ? rolloutId(params) : releaseId(params, n), number(query.after, 'after', 0), mostRows) };
    });

    views.get<{ Params: Named & { n: string } }>('/api/rollouts/:namespace/:name/releases/:n/replay', async ({ params }) => {
      const id = releaseId(params, number(params.n, 'release', 0));
      const rows = await store.journal(id, 0, mostRows);
      if (rows.length === 0) throw new Problem(404, 'unknown-release', `${id} has no journal`);
      return replay(rows);
    });

    views.get('/api/dead-letters', async () => ({ deadLetters: await queue.deadLetters(mostRollouts) }));

    views.get('/api/sandbox', async () => {
      if (sandbox === undefined) throw new Problem(404, 'no-sandbox', 'this server works on a real cluster');
      return sandbox.traffic();
    });

    views.get<{ Params: Named }>('/api/rollouts/:namespace/:name/watch', async (request, reply) => {
      const { params } = request;
      await rolloutNamed(store, params);
      reply.hijack();
      const out = reply.raw;
      out.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
      const journals = new Map<string, number>();
      let sending = false;
      let again = false;
      const rowsOf = async (id: string): Promise<readonly JournalRow[]> => {
        const rows = await store.journal(id, journals.get(id) ?? 0, mostRows);
        const last = rows.at(-1);
        if (last !== undefined) journals.set(id, last.version);
        return rows;
      };
      const send = async (): Promise<void> => {
        again = true;
        if (sending) return;
        sending = true;
        try {
          while (again && !out.destroyed) {
            again = false;
            const rollout = await viewOf(store, await rolloutNamed(store, params));
            const rows = [...(await rowsOf(rolloutId(params))), ...(rollout.release === undefined ? [] : await rowsOf(releaseId(params, rollout.release.n)))];
            out.write(`data: ${JSON.stringify({ rollout, rows, now: clock.now() })}\n\n`);
          }
        } catch (error) {
          // The reader connects again and is told by an ordinary answer what is wrong.
          request.log.error(error);
          out.end();
        } finally {
          sending = false;
        }
      };
      const mine = [rolloutId(params), `release/${params.namespace}/${params.name}/`];
      const stop = onSaved?.((document) => {
        if (document === mine[0] || document.startsWith(mine[1] ?? '')) void send();
      });
      const beat = setInterval(() => out.write(': still here\n\n'), heartbeatMs);
      out.on('close', () => {
        clearInterval(beat);
        stop?.();
      });
      await send();
    });
  });
};
