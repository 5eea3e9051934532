import type { FastifyInstance } from 'fastify';
import { expose, exposition, expositionType } from '../../infra/telemetry/exposition.ts';
import { gate } from './access.ts';
import type { Named } from './documents.ts';
import type { Served } from './served.ts';

/** Sluice's own metrics for a Prometheus that scrapes. Whoever has to do with some rollouts only sees those, and nothing of the queue. */
export const metricsRoutes = (app: FastifyInstance, served: Served): void => {
  const { store, queue, clock } = served.ports;
  const viewers = gate(served, 'viewer');
  app.get('/metrics', { onRequest: viewers.onRequest }, async (request, reply) => {
    const person = viewers.person(request);
    const [totals, backlog] = await Promise.all([store.totals(), person.unlimited ? queue.backlog() : undefined]);
    const theirs = totals.filter(({ rollout }) => person.mayTouch(named(rollout)));
    return reply.type(expositionType).send(exposition(expose(theirs, clock.now(), backlog)));
  });
};

const named = (rollout: string): Named => {
  const [, namespace = '', name = ''] = rollout.split('/');
  return { namespace, name };
};
