import * as z from 'zod';
import { explain, readJson, show } from './bounds.ts';
import { readEntries } from './entries.ts';
import type { IdentifiedFact, Ignored, Parsed, Parser, SenderContext } from './parsed.ts';

/** Manifests that a workload can run. Configurations, layers and other artefacts share the envelope. */
const imageTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);

/** Signatures, attestations and referrers are pushed under a tag made of the digest they belong to. */
const companionTag = /^sha256-[0-9a-f]{64}(\.(sig|att|sbom))?$/;

const text = (pattern: RegExp, allowed: string): z.ZodString => z.string(allowed).regex(pattern, allowed);

const envelope = z.object({ events: z.array(z.unknown(), 'a list of events') }, 'an object with a list of events');

const anyEvent = z.object(
  {
    id: text(/^[!-.0-~]{1,128}$/, '1 to 128 printable characters without space or slash'),
    timestamp: z.string().max(64).optional().catch(undefined),
    action: z.string('push, pull, mount or delete'),
    target: z.object({ mediaType: z.unknown().optional(), tag: z.unknown().optional() }, 'an object').optional(),
  },
  'an object',
);

/** Grammars of the OCI distribution specification; a wider one would let a name reach into another part of a URL. */
const push = z.object({
  target: z.object({
    repository: text(/^(?=.{1,255}$)[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*)*$/, 'a name such as team/demo'),
    tag: text(/^\w[\w.-]{0,127}$/, 'a tag such as v1.2.3'),
    digest: text(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, 'a digest such as sha256:<64 hex digits>'),
  }),
  request: z.object(
    { host: text(/^([a-zA-Z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?$/, 'a host such as registry.example.com:5000') },
    'an object with a host',
  ),
});

/**
 * Notifications of a CNCF Distribution registry. Both content types it uses, `application/vnd.docker.distribution.events.v1+json`
 * and `...v2+json`, hold the same envelope, so the type is not asked.
 *
 * Only the push of an image under a tag is a fact; the rest is ignored with its reason. The id is made of the event's own id: a
 * retried delivery repeats it, while a later push, of the same digest too, has a new one.
 */
export const parseDistribution: Parser = (body, context): Parsed => {
  const json = readJson(body);
  if (!json.ok) return json;
  const message = envelope.safeParse(json.value);
  if (!message.success) return { ok: false, reason: explain(message.error, json.value) };
  return { ok: true, ...readEntries(message.data.events, 'events', (event, where) => readEvent(event, where, context)) };
};

const readEvent = (value: unknown, where: string, context: SenderContext): IdentifiedFact | Ignored => {
  const event = anyEvent.safeParse(value);
  if (!event.success) return { reason: explain(event.error, value, where) };
  const { id, action, target, timestamp } = event.data;
  const ignore = (field: string, found: unknown, why: string): Ignored => ({ id, reason: `${where}.${field}: found ${show(found)}, ${why}` });
  if (action !== 'push') return ignore('action', action, 'only push counts');
  if (typeof target?.mediaType !== 'string' || !imageTypes.has(target.mediaType)) {
    return ignore('target.mediaType', target?.mediaType, 'only image manifests and indexes count');
  }
  if (target.tag === undefined || target.tag === '') return ignore('target.tag', target.tag, 'only a push under a tag counts');
  const pushed = push.safeParse(value);
  if (!pushed.success) return { id, reason: explain(pushed.error, value, where) };
  const { repository, tag, digest } = pushed.data.target;
  if (companionTag.test(tag)) return ignore('target.tag', tag, 'which belongs to another image (signature or referrer)');
  const image = `${imageHost(pushed.data.request.host, context)}/${repository}`;
  const at = Date.parse(timestamp ?? '');
  return { id: `push/${context.source}/${id}`, fact: { type: 'image.pushed', image, tag, digest }, ...(Number.isNaN(at) ? {} : { at }) };
};

const imageHost = (host: string, { hosts = {} }: SenderContext): string => {
  const name = host.toLowerCase();
  return (Object.hasOwn(hosts, name) ? hosts[name] : undefined) ?? name;
};
