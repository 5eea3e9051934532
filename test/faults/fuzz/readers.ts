import * as z from 'zod';
import { senders } from '../../../events/senders.ts';
import { parseDefinitions } from '../../../statemachines/definition/parse.ts';

/** Reads one payload; what is wrong with what came of it, if anything is. */
type Reader<T> = (payload: T) => string | undefined;

const fact = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('image.pushed'),
    image: z.string().regex(/^[^\s/@]+\/[^\s:@]+$/).max(600),
    tag: z.string().regex(/^\w[\w.-]{0,127}$/),
    digest: z.string().regex(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/),
  }),
  z.strictObject({
    type: z.literal('alert'),
    status: z.enum(['firing', 'resolved']),
    fingerprint: z.string().regex(/^[0-9A-Za-z]{1,64}$/),
    labels: z.record(z.string(), z.string()),
    summary: z.string().max(600),
    startsAt: z.int(),
  }),
]);
const longestReason = 1_000;
const longestId = 400;

const reasonProblem = (reason: unknown): string | undefined => {
  if (typeof reason !== 'string' || reason === '') return 'no reason is given';
  return reason.length > longestReason ? `the reason has ${reason.length} characters` : undefined;
};

const reader = (parse: (typeof senders)[keyof typeof senders]): Reader<Uint8Array | string> => (payload) => {
  const parsed = parse(payload, { source: 'fuzz', hosts: { 'registry.example.com': 'images.example.com' } });
  if (!parsed.ok) return reasonProblem(parsed.reason);
  for (const { reason } of parsed.ignored) {
    const problem = reasonProblem(reason);
    if (problem !== undefined) return problem;
  }
  for (const one of parsed.facts) {
    const read = fact.safeParse(one.fact);
    if (!read.success) return `a fact that is none: ${read.error.issues[0]?.path.join('.')} ${read.error.issues[0]?.message}`;
    if (one.id.length === 0 || one.id.length > longestId) return `an id of ${one.id.length} characters`;
  }
  return undefined;
};

const rollout = z.object({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
  namespace: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
  targets: z.array(z.object({ name: z.string().min(1), cluster: z.string().min(1), routes: z.array(z.object({ key: z.string().min(1) })).min(1) })).min(1),
  steps: z.array(z.object({ name: z.string().min(1), weight: z.int().min(0).max(100), holdMs: z.int().min(0) })).min(1),
  watchMs: z.int().min(0),
  skewMs: z.int().min(0),
});

const readDefinitions: Reader<string> = (payload) => {
  const parsed = parseDefinitions(payload);
  if (!parsed.ok) {
    if (parsed.mistakes.length === 0) return 'refused without a mistake';
    return parsed.mistakes.some(({ line, column, message }) => line < 1 || column < 1 || message === '') ? 'a mistake without a place or a message' : undefined;
  }
  for (const one of parsed.rollouts) {
    const read = rollout.safeParse(one);
    if (!read.success) return `a rollout that is none: ${read.error.issues[0]?.path.join('.')} ${read.error.issues[0]?.message}`;
  }
  return undefined;
};

/** All that is read of strangers: bodies by sender, definitions by nobody in particular. */
export const readers = {
  payloads: Object.entries(senders).map(([name, parse]) => ({ name, read: reader(parse) })),
  definitions: [{ name: 'definitions', read: readDefinitions }],
} as const;

const polluted = (): boolean => Object.keys(Object.prototype).length > 0 || ({} as { polluted?: unknown }).polluted !== undefined;

/** No payload may take longer, in milliseconds. */
const longestMs = 50;
const retimes = 5;

const timed = <T>(read: Reader<T>, payload: T): { readonly ms: number; readonly problem: string | undefined } => {
  const begun = performance.now();
  const problem = read(payload);
  return { ms: performance.now() - begun, problem };
};

/** What this thread alone takes, so that others who want the same processor count for little. */
const effort = <T>(read: Reader<T>, payload: T): number => {
  const begun = process.threadCpuUsage();
  read(payload);
  const { user, system } = process.threadCpuUsage(begun);
  return (user + system) / 1_000;
};

/**
 * Reads a payload and says what was wrong: it threw, gave what is neither a result nor a reason, changed what all objects have in
 * common, or took too long. A suspect of the last is read again, because machines are sometimes busy.
 */
export const tryPayload = <T>(readersOf: readonly { readonly name: string; readonly read: Reader<T> }[], payload: T): string | undefined => {
  for (const { name, read } of readersOf) {
    let first: ReturnType<typeof timed>;
    try {
      first = timed(read, payload);
    } catch (error) {
      return `${name} threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
    }
    if (first.problem !== undefined) return `${name}: ${first.problem}`;
    if (polluted()) return `${name} changed the prototype of all objects`;
    if (first.ms > longestMs) {
      const best = Math.min(...Array.from({ length: retimes }, () => effort(read, payload)));
      if (best > longestMs) return `${name} took ${best.toFixed(0)} ms, allowed are ${longestMs}`;
    }
  }
  return undefined;
};
