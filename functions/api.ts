import type { FastifyInstance } from 'fastify';
import { bareApp } from './http/app.ts';
import { commandRoutes } from './http/commands.ts';
import { definitionRoutes } from './http/definitions.ts';
import { requestLimit } from './http/limits.ts';
import { metricsRoutes } from './http/metrics.ts';
import { pageRoutes } from './http/pages.ts';
import { sandboxRoutes } from './http/sandbox.ts';
import type { Served } from './http/served.ts';
import { viewRoutes } from './http/views.ts';

/** For one address: people and pages look often, and a page that looks several times a second must not be shut out. */
const perMinute = 30_000;

/** The API and the page. It makes orders durable and looks; releases are moved by workers. */
export const createApi = async (served: Served, app: FastifyInstance = bareApp({ tracing: served.ports.tracing })): Promise<FastifyInstance> => {
  app.register(async (api) => {
    api.addHook('onRequest', await requestLimit(api, () => perMinute));
    viewRoutes(api, served);
    commandRoutes(api, served);
    definitionRoutes(api, served);
    metricsRoutes(api, served);
    sandboxRoutes(api, served);
  });
  await pageRoutes(app);
  return app;
};
