import type { FastifyInstance } from 'fastify';
import { senders } from '../../events/senders.ts';
import type { Announcement } from '../../events/input.ts';
import type { Message } from '../../infra/queue/port.ts';
import { authenticateSource, unauthenticated, verifySignature, type Source } from './access.ts';
import type { Served } from './served.ts';

/**
 * Webhooks. Authenticated before the body is parsed; answered as soon as every fact in it is durable. What an authenticated sender
 * says is never refused for its content, because senders answer a refusal by sending it for ever: it is parked with the reason.
 */
export const hookRoutes = (app: FastifyInstance, { config, secrets, ports }: Served): void => {
  const authenticated = new WeakMap<object, Source>();
  app.post<{ Params: { source: string }; Body: Buffer | undefined }>('/hooks/:source', {
    onRequest: async (request) => {
      authenticated.set(request, await authenticateSource(config, secrets, request.params.source, request));
    },
    handler: async (request, reply) => {
      const { source: name } = request.params;
      const source = authenticated.get(request);
      if (source === undefined) throw unauthenticated('wrong source or token');
      const body = request.body ?? Buffer.alloc(0);
      await verifySignature(secrets, source, request, body);
      const parsed = senders[source.kind](body, { source: name, ...(source.hosts === undefined ? {} : { hosts: source.hosts }) });
      if (!parsed.ok) {
        await ports.queue.park(body.toString('utf8'), name, parsed.reason);
        return reply.code(202).send({ accepted: 0, parked: parsed.reason });
      }
      const receivedAt = ports.clock.now();
      const messages = parsed.facts.map(({ id, fact }): Message => {
        const announcement: Announcement = { id, fact, source: name, receivedAt };
        return { id, lane: fact.type === 'alert' ? 'urgent' : 'normal', body: { type: 'announcement', announcement } };
      });
      if (messages.length > 0) await ports.queue.send(messages);
      return reply.code(202).send({ accepted: messages.length, ignored: parsed.ignored.length });
    },
  });
};
