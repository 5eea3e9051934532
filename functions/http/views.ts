import type { FastifyInstance } from 'fastify';
import { releaseId, rolloutId } from '../../statemachines/definition/rollout.ts';
import { replay } from '../../statemachines/replay.ts';
import type { RolloutContext } from '../../statemachines/rollout/machine.ts';
import { assertUnlimited, gate } from './access.ts';
import { historyOf, rolloutNamed, viewOf, type Named } from './documents.ts';
import { Problem } from './problems.ts';
import type { Served } from './served.ts';
import { watchRoute } from './watch.ts';

const mostRollouts = 1_000;
const mostReleases = 50;
const mostRows = 5_000;

const number = (text: string | undefined, field: string, fallback: number): number => {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Problem(400, 'bad-number', `${field}: found ${JSON.stringify(text)}, allowed is a whole number`);
  return value;
};

/** Everything that can be looked at. */
export const viewRoutes = (app: FastifyInstance, served: Served): void => {
  const { sandbox } = served;
  const { store, queue, clock } = served.ports;
  const viewers = gate(served, 'viewer');
  app.register(async (views) => {
    views.addHook('onRequest', viewers.onRequest);

    views.get('/api/rollouts', async (request) => {
      const person = viewers.person(request);
      const theirs = (await store.list('rollout/', mostRollouts)).filter((document) => person.mayTouch(document.definition as unknown as Named));
      return {
        rollouts: await Promise.all(theirs.map((document) => viewOf(store, document))),
        deadLetters: person.unlimited ? (await queue.backlog()).dead : 0,
        sandbox: sandbox !== undefined,
        now: clock.now(),
      };
    });

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

    views.get('/api/dead-letters', async (request) => {
      assertUnlimited(viewers.person(request));
      return { deadLetters: await queue.deadLetters(mostRollouts) };
    });

    views.get('/api/sandbox', async () => {
      if (sandbox === undefined) throw new Problem(404, 'no-sandbox', 'this server works on a real cluster');
      return sandbox.traffic();
    });

    watchRoute(views, served);
  });
};
