import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IdentifiedFact } from '../../events/parsed.ts';
import { senders } from '../../events/senders.ts';
import type { Announcement, Trace } from '../../events/input.ts';
import type { Message } from '../../infra/queue/port.ts';
import { authenticateSource, unauthenticated, verifyBody, type Source } from './access.ts';
import { requestLimit } from './limits.ts';
import type { HookServed } from './served.ts';
import { admit } from './traced.ts';

/** A push that comes later than this is no news: it may be an old request sent again, and would bring an old version back. */
const oldestMs = 24 * 3_600_000;
/** For calls to sources that there are not. */
const strangersPerMinute = 60;

interface HookRequest {
  Params: { source: string };
  Body: Buffer | undefined;
}

/**
 * Webhooks. Authenticated before the body is parsed; answered as soon as every fact in it is durable. What an authenticated sender
 * says is never refused for its content, because senders answer a refusal by sending it for ever: it is parked with the reason.
 */
export const hookRoutes = (app: FastifyInstance, served: HookServed): void => {
  const { ports, config } = served;
  const authenticated = new WeakMap<object, Source>();
  const configured = ({ params }: FastifyRequest): [name: string, source: Source] | undefined => Object.entries(config.sources).find(([name]) => name === (params as HookRequest['Params']).source);

  app.register(async (hooks) => {
    const limit = await requestLimit(
      hooks,
      (request) => configured(request)?.[1].perMinute ?? strangersPerMinute,
      (request) => configured(request)?.[0] ?? '',
    );
    hooks.addHook('onRequest', limit);
    hooks.post<HookRequest>('/hooks/:source', {
      onRequest: async (request) => {
        authenticated.set(request, await authenticateSource(served, request.params.source, request));
      },
      handler: async (request, reply) => {
        const source = authenticated.get(request);
        if (source === undefined) throw unauthenticated('wrong source or token');
        const body = request.body ?? Buffer.alloc(0);
        await verifyBody(served, source, request, body);
        const trace = admit(ports.tracing, request, reply, request.params.source);
        return reply.code(202).send(await take(request.params.source, source, body, trace));
      },
    });
  });

  const take = async (name: string, source: Source, body: Buffer, trace: Trace): Promise<{ accepted: number; ignored?: number; parked?: string }> => {
    const parsed = senders[source.kind](body, { source: name, ...(source.hosts === undefined ? {} : { hosts: source.hosts }) });
    const park = (reason: string): Promise<void> => {
      ports.tracing?.log('warn', 'body is kept among the dead letters', { trace, by: name });
      return ports.queue.park(body.toString('utf8'), name, reason);
    };
    if (!parsed.ok) {
      await park(parsed.reason);
      return { accepted: 0, parked: parsed.reason };
    }
    const receivedAt = ports.clock.now();
    const late = parsed.facts.filter(({ at }) => at !== undefined && receivedAt - at > oldestMs);
    for (const fact of late) await park(spellLate(fact));
    const messages = parsed.facts.filter((fact) => !late.includes(fact)).map(({ id, fact }): Message => {
      const announcement: Announcement = { id, fact, source: name, receivedAt, trace, ...(source.rollouts === undefined ? {} : { rollouts: source.rollouts }) };
      return { id, lane: fact.type === 'alert' ? 'urgent' : 'normal', body: { type: 'announcement', announcement } };
    });
    if (messages.length > 0) await ports.queue.send(messages);
    return { accepted: messages.length, ignored: parsed.ignored.length };
  };
};

const spellLate = ({ id, at }: IdentifiedFact): string =>
  `${id} happened ${new Date(at ?? 0).toISOString()}, more than ${oldestMs / 3_600_000} hours ago: start a release by hand if it is still wanted`;
