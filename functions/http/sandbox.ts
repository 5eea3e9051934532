import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { assertUnlimited, gate } from './access.ts';
import { jsonBody } from './body.ts';
import type { Served } from './served.ts';

const pushBody = z.strictObject({ image: z.string().min(1).max(255), tag: z.string().min(1).max(128), env: z.record(z.string(), z.string()).default({}) });

/** Pushing into the sandbox's registry, for playing. Not there on a real cluster. */
export const sandboxRoutes = (app: FastifyInstance, served: Served): void => {
  const { sandbox } = served;
  if (sandbox === undefined) return;
  const operators = gate(served, 'operator');
  app.post<{ Body: Buffer | undefined }>('/api/sandbox/push', {
    onRequest: operators.onRequest,
    handler: async (request, reply) => {
      assertUnlimited(operators.person(request));
      const { image, tag, env } = jsonBody(pushBody, request.body);
      return reply.code(202).send(await sandbox.push(image, tag, env));
    },
  });
};
