import * as z from 'zod';
import { explain } from '../../events/bounds.ts';
import type { Message } from '../queue/port.ts';

const text = z.string('text').min(1, 'text');
const millis = z.number('milliseconds since 1970');

const input = z.object({ id: text, document: text, event: z.object({ type: text }, 'an event'), receivedAt: millis }, 'an input');
const announcement = z.object({ id: text, fact: z.object({ type: z.enum(['image.pushed', 'alert'], 'image.pushed or alert') }, 'a fact'), source: text, receivedAt: millis }, 'an announcement');

const message = z.object(
  {
    id: text,
    lane: z.enum(['urgent', 'normal'], 'urgent or normal'),
    group: text.optional(),
    body: z.discriminatedUnion('type', [
      z.object({ type: z.literal('input'), input }),
      z.object({ type: z.literal('announcement'), announcement }),
      z.object({ type: z.literal('wake'), document: text }),
    ], 'an input, an announcement or a wake'),
  },
  'a message',
);

const rawText = z.object({ raw: z.string(), source: z.string() });

type Read = { readonly ok: true; readonly message: Message } | { readonly ok: false; readonly reason: string };

/**
 * A message out of a body. Only what every handler relies on is asked for; what else there is stays, so that a message written by a
 * newer version loses nothing on its way through an older one.
 */
export const readMessage = (body: string): Read => {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return { ok: false, reason: `message: found no JSON: ${(error as Error).message}` };
  }
  const parsed = message.safeParse(value);
  return parsed.success ? { ok: true, message: value as Message } : { ok: false, reason: explain(parsed.error, value, 'message') };
};

/** What was parked; undefined when the body is something else. */
export const readRawText = (body: string): { readonly raw: string; readonly source: string } | undefined => {
  try {
    return rawText.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
};
