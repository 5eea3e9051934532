import type { Announcement, DocumentId, Input, Trace } from '../../events/input.ts';
import type { Document } from '../../statemachines/document.ts';
import type { Ports } from '../ports.ts';
import type { Body, Delivery } from '../queue/port.ts';
import type { About } from '../tracing/port.ts';
import { resolveAnnouncement } from './resolve.ts';
import { runDocument, type Ran } from './run.ts';
import { spelled } from './telling.ts';

/**
 * How often a message is tried before it is buried with its last error, where people see it, and how long it waits at the most in
 * between: about five minutes in all. So long a store or queue may well be away, and a document may be missing whose creator died, until
 * the message it held is seen again.
 */
export const patience = {
  urgent: { attempts: 60, longestMs: 5_000 },
  normal: { attempts: 12, longestMs: 60_000 },
} as const;
/** Longer than any invocation, so that nobody else gets a message that is being worked on. */
export const visibilityMs = 30_000;

/**
 * Handles one message: acknowledged when its document is quiet, given back when something unexpected happened.
 * Throws only when not even that worked: then it comes again when its visibility ends.
 * Returns the document as it was left, where the message concerned one and could be handled.
 */
export const handleDelivery = async (ports: Ports, delivery: Delivery): Promise<Document | undefined> => {
  const { queue, clock, tracing } = ports;
  const { message: { id, lane, body }, attempts } = delivery;
  const begun = clock.now();
  let told: About = { id, lane, attempts };
  try {
    // What is stored may be anything: reading it is part of handling it.
    told = { ...told, trace: traceOf(body), document: concerned(body), message: body.type };
    const { document, outcomes } = await handle(ports, body);
    await queue.acknowledge(delivery);
    tracing?.log(body.type === 'wake' ? 'debug' : 'info', 'message handled', { ...told, trace: told.trace ?? document?.trace, outcome: outcomes.join(' ') || undefined, ms: clock.now() - begun });
    return document;
  } catch (error) {
    const reason = spelled(error);
    const dead = attempts >= patience[lane].attempts;
    if (dead) await queue.bury(delivery, reason);
    else await queue.release(delivery, Math.min(200 * 2 ** attempts, patience[lane].longestMs));
    tracing?.log(dead ? 'error' : 'warn', dead ? 'message is dead' : 'message failed and comes again', { ...told, reason, ms: clock.now() - begun });
    return undefined;
  }
};

const traceOf = (body: Body): Trace | undefined => (body.type === 'input' ? body.input.trace : body.type === 'announcement' ? body.announcement.trace : undefined);
const concerned = (body: Body): DocumentId | undefined => (body.type === 'input' ? body.input.document : body.type === 'wake' ? body.document : undefined);

const handle = async (ports: Ports, body: Body): Promise<Ran> => {
  if (body.type === 'input') return handleInput(ports, body.input);
  if (body.type === 'wake') return runDocument(ports, body.document, []);
  await announce(ports, body.announcement);
  return { outcomes: [], document: undefined };
};

const announce = async ({ store, queue, tracing }: Ports, announcement: Announcement): Promise<void> => {
  const span = tracing?.span?.({ name: `resolve ${announcement.fact.type}`, kind: 'consumer', parent: announcement.trace });
  try {
    const messages = await resolveAnnouncement(store, span === undefined ? announcement : { ...announcement, trace: span.trace });
    if (messages.length > 0) await queue.send(messages);
    span?.end({ 'sluice.messages': messages.length });
  } catch (error) {
    span?.end({}, spelled(error));
    throw error;
  }
};

/** An input for a document that is not there is kept where people see it, unless its answer is simply too late. */
const handleInput = async (ports: Ports, input: Input): Promise<Ran> => {
  const ran = await runDocument(ports, input.document, [input]);
  if (ran.document === undefined && ran.outcomes[0] === 'stale') throw new Error(`${input.document} does not exist; the input was ${input.event.type}`);
  return ran;
};
