import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { Input, InputEvent } from '../../events/input.ts';
import { rolloutId, type Rollout } from '../../statemachines/definition/rollout.ts';
import type { Document } from '../../statemachines/document.ts';
import type { ReleaseContext } from '../../statemachines/release/context.ts';
import { assertUnlimited, gate } from './access.ts';
import { jsonBody } from './body.ts';
import { rolloutNamed, runningRelease, type Named } from './documents.ts';
import { Problem } from './problems.ts';
import type { Served } from './served.ts';
import { admit } from './traced.ts';

const text = z.string().min(1).max(1_000);
/** The release that is meant; one that has ended since is not followed by the next. */
const meant = { release: z.int().min(1).optional() };
const answer = { release: z.int().min(1), step: z.int().min(0), question: text, comment: text.optional() };

const commandSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('start'),
    image: text.optional(),
    tag: z.string().regex(/^[\w][\w.-]{0,127}$/, 'a tag: letters, digits, dots, dashes and underscores').optional(),
    digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hex digits').optional(),
    force: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal('pause'), ...meant }),
  z.strictObject({ type: z.literal('resume'), ...meant }),
  z.strictObject({ type: z.literal('promote'), ...meant }),
  z.strictObject({ type: z.literal('skip'), ...meant }),
  z.strictObject({ type: z.literal('retry') }),
  z.strictObject({ type: z.literal('jump'), step: z.union([z.int().min(0), text]), ...meant }),
  z.strictObject({ type: z.literal('setWeight'), weight: z.int().min(0).max(100), ...meant }),
  z.strictObject({ type: z.literal('abort'), reason: text.default('by hand'), ...meant }),
  z.strictObject({ type: z.literal('approve'), ...answer }),
  z.strictObject({ type: z.literal('reject'), ...answer }),
  z.strictObject({ type: z.literal('unlock'), reason: text }),
]);
type Command = z.output<typeof commandSchema>;

/** What takes users off the canary goes through the urgent lane, past whatever holds the document. */
const urgent: ReadonlySet<Command['type']> = new Set(['abort', 'reject']);
/** Chosen by the caller, so that sending a command again does it once. */
const nonce = (header: string | string[]): string => {
  if (typeof header === 'string' && /^[\w-]{16,64}$/.test(header)) return header;
  throw new Problem(400, 'bad-idempotency-key', 'idempotency-key: allowed are 16 to 64 letters, digits, dashes and underscores');
};

/** How long an answer is waited for before the caller is told only that the command is durable. */
const patienceMs = 2_000;
/** Looks come quickly at first, when a worker in this process answers, and cost less later, when each is a request. */
const firstGlanceMs = 10;
const longestGlanceMs = 250;

export const commandRoutes = (app: FastifyInstance, served: Served): void => {
  const { store, queue, clock } = served.ports;
  const operators = gate(served, 'operator');
  app.post<{ Params: Named; Body: Buffer | undefined }>('/api/rollouts/:namespace/:name/commands', {
    onRequest: operators.onRequest,
    handler: async (request, reply) => {
      const person = operators.person(request);
      const trace = admit(served.ports.tracing, request, reply, person.name);
      const command = jsonBody(commandSchema, request.body);
      const rollout = await rolloutNamed(store, request.params);
      const running = await runningRelease(store, request.params, rollout);
      const { document, event } = address(command, request.params, rollout, running);
      const id = `command/${person.name}/${request.headers['idempotency-key'] === undefined ? randomUUID() : nonce(request.headers['idempotency-key'])}`;
      if (document.seen.includes(id)) return reply.code(202).send({ id, document: document.id, outcome: 'duplicate' });
      const lane = urgent.has(command.type) ? 'urgent' : 'normal';
      const input: Input = { id, document: document.id, event, receivedAt: clock.now(), by: person.name, trace, ...(lane === 'urgent' ? { urgent: true } : {}) };
      await queue.send([{ id, lane, group: document.id, body: { type: 'input', input } }]);
      return reply.code(202).send({ id, document: document.id, ...(await outcomeOf(document, id)) });
    },
  });

  app.post<{ Params: { id: string } }>('/api/dead-letters/:id/redrive', {
    onRequest: operators.onRequest,
    handler: async (request, reply) => {
      assertUnlimited(operators.person(request));
      if (!(await queue.redrive(request.params.id))) throw new Problem(404, 'unknown-dead-letter', `no dead letter ${request.params.id} can be sent again`);
      return reply.code(202).send({ id: request.params.id });
    },
  });

  /** Looks in the journal, which is where every function, wherever it runs, writes what became of an input. */
  const outcomeOf = async (document: Document, id: string): Promise<{ outcome?: string; said?: string }> => {
    const until = clock.now() + patienceMs;
    let after = document.version;
    let glanceMs = firstGlanceMs;
    while (clock.now() < until) {
      const rows = await store.journal(document.id, after, 100);
      const row = rows.find(({ input }) => input.id === id);
      if (row !== undefined) return { outcome: row.outcome, ...(row.said === undefined ? {} : { said: row.said }) };
      after = rows.at(-1)?.version ?? after;
      await clock.sleep(glanceMs);
      glanceMs = Math.min(glanceMs * 1.5, longestGlanceMs);
    }
    return {};
  };
};

/** Whom a command is for, and what it tells them. Refuses what could only be ignored later. */
const address = (command: Command, named: Named, rollout: Document, running: Document | undefined): { document: Document; event: InputEvent } => {
  const { release, ...event } = { release: undefined, ...command } satisfies InputEvent;
  if (command.type === 'start' || command.type === 'unlock') return { document: rollout, event };
  if (command.type === 'retry') return { document: running ?? rollout, event };
  if (running === undefined) throw new Problem(409, 'no-release', `no release of ${rolloutId(named).slice('rollout/'.length)} is under way, so there is nothing to ${command.type}`);
  const context = running.snapshot.context as unknown as ReleaseContext;
  const { steps } = running.definition as unknown as Rollout;
  if (release !== undefined && release !== context.n) throw new Problem(409, 'other-release', `release ${release} was meant, but release ${context.n} is under way`);
  if (command.type === 'jump') {
    const step = typeof command.step === 'number' ? command.step : steps.findIndex(({ name }) => name === command.step);
    if (steps[step] === undefined) throw new Problem(422, 'unknown-step', `there is no step ${JSON.stringify(command.step)}; there are ${steps.map(({ name }, at) => `${at} (${name})`).join(', ')}`);
    return { document: running, event: { type: 'jump', step } };
  }
  return { document: running, event };
};
