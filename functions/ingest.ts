import type { FastifyInstance } from 'fastify';
import { bareApp } from './http/app.ts';
import { hookRoutes } from './http/hooks.ts';
import type { HookServed } from './http/served.ts';

/** Where webhooks arrive: makes what they say durable and nothing else, so that it starts quickly. */
export const createIngest = (served: HookServed, app: FastifyInstance = bareApp({ tracing: served.ports.tracing })): FastifyInstance => {
  hookRoutes(app, served);
  return app;
};
