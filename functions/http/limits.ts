import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from './problems.ts';

const windowMs = 60_000;

/**
 * Bounds how often one address may call, before anything is looked up for it. `perMinute` may ask the request; `purse` names what is
 * counted apart for it. Counted in this process: in front of many functions the gateway has a limit of its own.
 */
export const requestLimit = async (app: FastifyInstance, perMinute: (request: FastifyRequest) => number, purse: (request: FastifyRequest) => string = () => ''): Promise<(request: FastifyRequest, reply: FastifyReply) => Promise<void>> => {
  await app.register(rateLimit, { global: false });
  const spend = app.createRateLimit({ max: perMinute, timeWindow: windowMs, keyGenerator: (request) => `${request.ip} ${purse(request)}` });
  return async (request, reply) => {
    const spent = await spend(request);
    if (spent.isAllowed || !spent.isExceeded) return;
    void reply.header('retry-after', String(spent.ttlInSeconds));
    throw new Problem(429, 'too-often', `allowed are ${spent.max} requests a minute; come again in ${spent.ttlInSeconds} s`);
  };
};
