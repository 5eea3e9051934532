import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Trace } from '../../events/input.ts';
import type { Span, Tracing } from '../../infra/tracing/port.ts';
import { childOf } from '../../infra/tracing/traceparent.ts';

const longestPath = 200;

interface Admitted {
  readonly trace: Trace;
  readonly by: string;
  readonly span: Span | undefined;
}
const admitted = new WeakMap<object, Admitted>();

/**
 * The trace of a request from somebody who was let in: the caller's own when it sent a valid `traceparent`, else a new one. The
 * answer names it in `traceresponse`. Strangers begin no traces here: whoever is not let in must not choose what we record.
 */
export const admit = (tracing: Tracing | undefined, request: FastifyRequest, reply: FastifyReply, by: string): Trace => {
  const { traceparent } = request.headers;
  const parent = typeof traceparent === 'string' ? traceparent : undefined;
  const span = tracing?.span?.({
    name: `${request.method} ${request.routeOptions.url ?? ''}`,
    kind: 'server',
    parent,
    startedAt: Date.now() - reply.elapsedTime,
    attributes: { 'http.request.method': request.method, 'http.route': request.routeOptions.url, 'sluice.by': by },
  });
  const trace = span?.trace ?? childOf(parent);
  admitted.set(request, { trace, by, span });
  reply.header('traceresponse', trace);
  return trace;
};

/** One line for each request: what changes something at `info`, what only looks at `debug`. Never its query, headers or body. */
export const tellRequests = (app: FastifyInstance, tracing: Tracing): void => {
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const known = admitted.get(request);
    const { statusCode: status } = reply;
    known?.span?.end({ 'http.response.status_code': status }, status >= 500 ? `answered ${status}` : undefined);
    tracing.log(status >= 500 ? 'error' : method === 'GET' || method === 'HEAD' ? 'debug' : 'info', 'request answered', {
      trace: known?.trace,
      method,
      path: request.url.split('?')[0]?.slice(0, longestPath),
      status,
      by: known?.by,
      ms: Math.round(reply.elapsedTime),
    });
    done();
  });
};

/** The trace of a request that was let in: for errors that are told in the middle of it. */
export const traceOfRequest = (request: FastifyRequest): Trace | undefined => admitted.get(request)?.trace;
