import type { Announcement, Input } from '../../events/input.ts';
import type { Document } from '../../statemachines/document.ts';
import type { Ports } from '../ports.ts';
import type { Body, Delivery } from '../queue/port.ts';
import { resolveAnnouncement } from './resolve.ts';
import { runDocument } from './run.ts';

/** A message that failed this often is buried with its last error, where people see it. */
const mostAttempts = 5;
/** Longer than any invocation, so that nobody else gets a message that is being worked on. */
export const visibilityMs = 30_000;

/**
 * Handles one message: acknowledged when its document is quiet, given back when something unexpected happened. Never throws.
 * Returns the document as it was left, where the message concerned one and could be handled.
 */
export const handleDelivery = async (ports: Ports, delivery: Delivery): Promise<Document | undefined> => {
  const { queue } = ports;
  try {
    const document = await handle(ports, delivery.message.body);
    await queue.acknowledge(delivery);
    return document;
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (delivery.attempts >= mostAttempts) await queue.bury(delivery, reason);
    else await queue.release(delivery, 200 * 2 ** delivery.attempts);
    return undefined;
  }
};

const handle = async (ports: Ports, body: Body): Promise<Document | undefined> => {
  if (body.type === 'input') return handleInput(ports, body.input);
  if (body.type === 'wake') return (await runDocument(ports, body.document, [])).document;
  await announce(ports, body.announcement);
  return undefined;
};

const announce = async ({ store, queue }: Ports, announcement: Announcement): Promise<void> => {
  const messages = await resolveAnnouncement(store, announcement);
  if (messages.length > 0) await queue.send(messages);
};

/** An input for a document that is not there is kept where people see it, unless its answer is simply too late. */
const handleInput = async (ports: Ports, input: Input): Promise<Document | undefined> => {
  const { outcomes, document } = await runDocument(ports, input.document, [input]);
  if (document === undefined && outcomes[0] === 'stale') throw new Error(`${input.document} does not exist; the input was ${input.event.type}`);
  return document;
};
