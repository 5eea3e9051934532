import fastify, { type FastifyInstance } from 'fastify';
import { MessageTooLarge } from '../../infra/queue/port.ts';
import { jsonLog } from '../../infra/tracing/log.ts';
import type { Tracing } from '../../infra/tracing/port.ts';
import { largestBody } from '../config.ts';
import { Problem, problemBody } from './problems.ts';
import { tellRequests, traceOfRequest } from './traced.ts';

/**
 * An application that reads bodies as they came, spells refusals in one way, and answers nothing but `/healthz`. Routes are added to it.
 * `requestIdHeader` carries the request's id; only for headers that callers cannot set.
 */
export const bareApp = ({ requestIdHeader = false, tracing }: { readonly requestIdHeader?: string | false; readonly tracing?: Tracing | undefined } = {}): FastifyInstance => {
  const app = fastify({
    bodyLimit: largestBody,
    requestIdHeader,
    // Requests are told by `tracing`; Fastify's own logger is 15 ms of a cold start.
    logger: false,
    forceCloseConnections: true,
  });
  // Signatures are over raw bytes, and bodies are parsed by their own bounded readers.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const log = tracing?.log ?? jsonLog();
  app.setErrorHandler((error: unknown, request, reply) => {
    if (error instanceof Problem) return reply.code(error.status).send(problemBody(error.code, error.message, error.mistakes));
    if (error instanceof MessageTooLarge) return reply.code(413).send(problemBody('too-large', error.message));
    const { statusCode: status = 500, code = 'internal', message = String(error) } = (error ?? {}) as { statusCode?: number; code?: string; message?: string };
    if (status >= 500) log('error', 'request failed', { trace: traceOfRequest(request), reason: error instanceof Error ? (error.stack ?? error.message) : message });
    return reply.code(status).send(problemBody(code, status >= 500 ? 'something went wrong here; it is in the log' : message));
  });
  if (tracing !== undefined) tellRequests(app, tracing);
  app.setNotFoundHandler((request, reply) => reply.code(404).send(problemBody('not-found', `there is nothing at ${request.method} ${request.url.split('?')[0] ?? ''}`)));
  app.get('/healthz', () => Promise.resolve({ ok: true }));
  return app;
};
