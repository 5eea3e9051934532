import fastify, { type FastifyInstance } from 'fastify';
import { commandRoutes } from './http/commands.ts';
import { definitionRoutes } from './http/definitions.ts';
import { hookRoutes } from './http/hooks.ts';
import { pageRoutes } from './http/pages.ts';
import { Problem, problemBody } from './http/problems.ts';
import { sandboxRoutes } from './http/sandbox.ts';
import type { Served } from './http/served.ts';
import { viewRoutes } from './http/views.ts';

/** Largest body that is read; more is answered with 413 before it is. */
const largestBody = 1_048_576;

/** The HTTP function: webhooks, the API and the page. It makes things durable and looks; releases are moved by workers. */
export const createIngest = async (served: Served): Promise<FastifyInstance> => {
  const app = fastify({ bodyLimit: largestBody, logger: { level: process.env['SLUICE_LOG'] ?? 'warn', redact: ['req.headers.authorization'] }, forceCloseConnections: true });
  // Signatures are over raw bytes, and bodies are parsed by their own bounded readers.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error: unknown, request, reply) => {
    if (error instanceof Problem) return reply.code(error.status).send(problemBody(error.code, error.message, error.mistakes));
    const { statusCode: status = 500, code = 'internal', message = String(error) } = (error ?? {}) as { statusCode?: number; code?: string; message?: string };
    if (status >= 500) request.log.error(error);
    return reply.code(status).send(problemBody(code, status >= 500 ? 'something went wrong here; it is in the log' : message));
  });
  app.setNotFoundHandler((request, reply) => reply.code(404).send(problemBody('not-found', `there is nothing at ${request.method} ${request.url.split('?')[0] ?? ''}`)));
  app.get('/healthz', () => Promise.resolve({ ok: true }));
  hookRoutes(app, served);
  viewRoutes(app, served);
  commandRoutes(app, served);
  definitionRoutes(app, served);
  sandboxRoutes(app, served);
  await pageRoutes(app);
  return app;
};
