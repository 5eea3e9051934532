import * as z from 'zod';
import { explain, readJson, show } from './bounds.ts';
import { readEntries } from './entries.ts';
import type { Millis } from './input.ts';
import type { IdentifiedFact, Ignored, Parsed, Parser } from './parsed.ts';

/** Characters of an alert's summary that are kept; it ends up in chats and on the page. */
const longestSummary = 300;

/** Labels of one alert, and characters of their names and values in all: they are stored with every input the alert becomes. */
const mostLabels = 128;
const mostLabelText = 16_384;

const envelope = z.object(
  {
    version: z.literal('4', '"4"'),
    truncatedAlerts: z.unknown().optional(),
    alerts: z.array(z.unknown(), 'a list of alerts'),
  },
  'an object with a list of alerts',
);

const countOf = (value: unknown): number => (typeof value === 'object' && value !== null ? Object.keys(value).length : Infinity);

const labelText = (labels: Readonly<Record<string, string>>): number =>
  Object.entries(labels).reduce((sum, [name, value]) => sum + name.length + value.length, 0);

const moment = 'a date and time such as 2026-01-31T12:00:00.123456789Z';

const alert = z.object(
  {
    status: z.enum(['firing', 'resolved'], 'firing or resolved'),
    labels: z
      .custom<object>((value) => countOf(value) <= mostLabels, `an object of at most ${mostLabels} labels`)
      .pipe(z.record(z.string(), z.string('text'), 'an object of texts'))
      .refine((labels) => labelText(labels) <= mostLabelText, `at most ${mostLabelText} characters in all`),
    annotations: z.unknown().optional(),
    startsAt: z.string(moment).max(40, moment).pipe(z.iso.datetime({ offset: true, error: moment })),
    fingerprint: z.string('1 to 64 letters and digits').regex(/^[0-9A-Za-z]{1,64}$/, '1 to 64 letters and digits'),
  },
  'an object',
);

/**
 * Webhook messages of Alertmanager, version 4. A message may mix firing and resolved alerts, so each alert's own status counts and
 * the message's is not read. Each alert carries the common labels itself. An alert that is absent says nothing: least of all
 * that it is resolved, because the list may be cut (`truncatedAlerts`).
 *
 * The id is made of fingerprint, start and status: repeats and the copies of a highly available pair coalesce, a new firing does not.
 */
export const parseAlertmanager: Parser = (body, context): Parsed => {
  const json = readJson(body);
  if (!json.ok) return json;
  const message = envelope.safeParse(json.value);
  if (!message.success) return { ok: false, reason: explain(message.error, json.value) };
  const { alerts, truncatedAlerts } = message.data;
  const { facts, ignored } = readEntries(alerts, 'alerts', (entry, where) => readAlert(entry, where, context.source));
  const cut = typeof truncatedAlerts === 'number' && truncatedAlerts > 0;
  const reason = `truncatedAlerts: found ${show(truncatedAlerts)}, so many alerts were left out by the sender`;
  return { ok: true, facts, ignored: cut ? [...ignored, { reason }] : ignored };
};

const readAlert = (value: unknown, where: string, source: string): IdentifiedFact | Ignored => {
  const read = alert.safeParse(value);
  if (!read.success) return { reason: explain(read.error, value, where) };
  const { status, labels, annotations, fingerprint } = read.data;
  const startsAt = toMillis(read.data.startsAt);
  return {
    id: `alert/${source}/${fingerprint}/${startsAt}/${status}`,
    fact: { type: 'alert', status, fingerprint, labels, summary: summaryOf(annotations), startsAt },
  };
};

/** Alertmanager writes nanoseconds; ECMA-262 promises to read no more than milliseconds. */
const toMillis = (time: string): Millis => Date.parse(time.replace(/(\.\d{3})\d+/, '$1'));

const someText = z.string().trim().min(1).optional().catch(undefined);
const notes = z.object({ summary: someText, message: someText, description: someText }).catch({});

/** Annotations are for people only, so a malformed one never costs the alert. */
const summaryOf = (annotations: unknown): string => {
  const { summary, message, description } = notes.parse(annotations);
  const characters = Array.from((summary ?? message ?? description ?? '').slice(0, 2 * longestSummary + 2).toWellFormed());
  return characters.length > longestSummary ? `${characters.slice(0, longestSummary - 1).join('')}…` : characters.join('');
};
