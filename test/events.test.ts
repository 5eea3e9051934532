import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAlertmanager } from '../events/alertmanager.ts';
import { maxBodySize, maxDepth, maxValues } from '../events/bounds.ts';
import { parseDistribution } from '../events/distribution.ts';
import { maxEntries } from '../events/entries.ts';
import type { Alert, Fact } from '../events/input.ts';
import type { Parsed } from '../events/parsed.ts';
import { senders } from '../events/senders.ts';

interface Capture {
  readonly body: Record<string, unknown>;
  readonly deliveries: readonly { readonly body: Record<string, unknown> }[];
}

const capture = (name: string): Capture =>
  JSON.parse(readFileSync(new URL(`./fixtures/payloads/${name}.json`, import.meta.url), 'utf8')) as Capture;

const context = { source: 'main' };
const digest = `sha256:${'a'.repeat(64)}`;

const accepted = (parsed: Parsed): Extract<Parsed, { ok: true }> => {
  if (!parsed.ok) throw new Error(`refused: ${parsed.reason}`);
  return parsed;
};
const refused = (parsed: Parsed): string => (parsed.ok ? 'was accepted' : parsed.reason);

const push = (target: Record<string, unknown> = {}, event: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: '6a1a2839-440d-4157-ac39-d2efd1ee26f7',
  action: 'push',
  target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', repository: 'team/demo', tag: '1.4.2', digest, ...target },
  request: { host: 'registry.example.com' },
  ...event,
});
const distribution = (events: readonly unknown[], over: Partial<{ source: string; hosts: Record<string, string> }> = {}): Parsed =>
  parseDistribution(JSON.stringify({ events }), { ...context, ...over });

const firing = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  status: 'firing',
  labels: { alertname: 'CanaryErrors', rollout: 'web' },
  annotations: {},
  startsAt: '2026-08-20T10:00:00Z',
  endsAt: '0001-01-01T00:00:00Z',
  fingerprint: 'aa11bb22cc33dd44',
  ...over,
});
const alertmanager = (alerts: readonly unknown[], over: Record<string, unknown> = {}): Parsed =>
  parseAlertmanager(JSON.stringify({ version: '4', status: 'firing', truncatedAlerts: 0, alerts, ...over }), context);
const alertsOf = (parsed: Parsed): readonly Alert[] =>
  accepted(parsed).facts.flatMap(({ fact }) => (fact.type === 'alert' ? [fact] : []));

describe('notifications of a registry', () => {
  it('gives one fact for the three real deliveries of one push', () => {
    const { deliveries } = capture('docker-registry-push');
    const parsed = deliveries.map(({ body }) => accepted(parseDistribution(JSON.stringify(body), context)));
    expect(parsed.flatMap(({ facts }) => facts)).toEqual([
      {
        id: 'push/main/0e8fdef2-d7b5-4e40-93fc-3392175f5827',
        at: Date.parse('2026-11-20T20:16:12.537Z'),
        fact: {
          type: 'image.pushed',
          image: '127.0.0.1:4610/shop/checkout',
          tag: 'v1.2.3',
          digest: 'sha256:ca51ae0376a7533947bb5678855d81c49213313b873c95f769a7851b36212fbf',
        },
      },
    ]);
    expect(parsed.flatMap(({ ignored }) => ignored).map(({ id }) => id)).toEqual([
      '6a1a2839-440d-4157-ac39-d2efd1ee26f7',
      'ae231d0a-a15c-4935-93f0-cf75d66382ce',
    ]);
  });

  it('reads bytes as it reads text', () => {
    const text = JSON.stringify({ events: [push()] });
    expect(parseDistribution(new TextEncoder().encode(text), context)).toEqual(parseDistribution(text, context));
  });

  it.each([
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
  ])('takes %s as an image', (mediaType) => {
    expect(accepted(distribution([push({ mediaType })])).facts).toHaveLength(1);
  });

  it.each([
    ['a pull', push({}, { action: 'pull' }), 'events.0.action: found "pull", only push counts'],
    ['a mount', push({}, { action: 'mount' }), 'events.0.action: found "mount", only push counts'],
    ['a delete without a target', push({}, { action: 'delete', target: {} }), 'events.0.action: found "delete", only push counts'],
    ['a layer', push({ mediaType: 'application/octet-stream' }), 'events.0.target.mediaType: found "application/octet-stream"'],
    ['a push by digest', push({ tag: undefined }), 'events.0.target.tag: found nothing'],
    ['an empty tag', push({ tag: '' }), 'events.0.target.tag: found ""'],
    ['a signature', push({ tag: `sha256-${'b'.repeat(64)}.sig` }), 'which belongs to another image'],
    ['an attestation', push({ tag: `sha256-${'b'.repeat(64)}.att` }), 'which belongs to another image'],
    ['a referrers index', push({ tag: `sha256-${'b'.repeat(64)}` }), 'which belongs to another image'],
    ['a repository that climbs', push({ repository: 'a/../../b' }), 'events.0.target.repository: found "a/../../b"'],
    ['a digest of another kind', push({ digest: 'md5:1' }), 'events.0.target.digest: found "md5:1"'],
    ['a host with a path', push({}, { request: { host: 'a/b' } }), 'events.0.request.host: found "a/b"'],
    ['no host', push({}, { request: undefined }), 'events.0.request: found nothing'],
    ['no id', push({}, { id: undefined }), 'events.0.id: found nothing'],
    ['something that is no event', 7, 'events.0: found 7, allowed is an object'],
  ])('ignores %s and says why', (_, event, reason) => {
    const { facts, ignored } = accepted(distribution([event]));
    expect(facts).toEqual([]);
    expect(ignored[0]?.reason).toContain(reason);
  });

  it('reads the events after a malformed one', () => {
    expect(accepted(distribution([null, push()])).facts).toHaveLength(1);
  });

  it('gives a retried delivery the same id, and a later push of the same digest another', () => {
    const id = (event: unknown): string | undefined => accepted(distribution([event])).facts[0]?.id;
    expect(id(push())).toBe(id(push({}, { timestamp: 'later', source: { addr: 'replica-2' } })));
    expect(id(push({}, { id: 'e2' }))).not.toBe(id(push()));
  });

  it('keeps sources apart', () => {
    expect(accepted(distribution([push()], { source: 'other' })).facts[0]?.id).toMatch(/^push\/other\//);
  });

  it('names the image as workloads do when the registry knows itself by another name', () => {
    const hosts = { 'registry:5000': 'registry.example.com' };
    const fact = (host: string): Fact | undefined => accepted(distribution([push({}, { request: { host } })], { hosts })).facts[0]?.fact;
    expect(fact('registry:5000')).toMatchObject({ image: 'registry.example.com/team/demo' });
    expect(fact('Registry:5000')).toMatchObject({ image: 'registry.example.com/team/demo' });
    expect(fact('other:5000')).toMatchObject({ image: 'other:5000/team/demo' });
    expect(fact('constructor')).toMatchObject({ image: 'constructor/team/demo' });
  });

  it('refuses a body that is no envelope', () => {
    expect(refused(parseDistribution('{"events":{}}', context))).toBe('events: found an object, allowed is a list of events');
    expect(refused(parseDistribution('[]', context))).toBe('body: found a list, allowed is an object with a list of events');
  });
});

describe('messages of Alertmanager', () => {
  it('reads the real firing message', () => {
    const { facts, ignored } = accepted(parseAlertmanager(JSON.stringify(capture('alertmanager-firing').body), context));
    expect(ignored).toEqual([]);
    expect(facts).toHaveLength(2);
    expect(facts[0]).toEqual({
      id: 'alert/main/efcc6ed8d960b3db/1795205806649/firing',
      fact: {
        type: 'alert',
        status: 'firing',
        fingerprint: 'efcc6ed8d960b3db',
        labels: { alertname: 'CheckoutErrorRateHigh', rollout: 'shop/checkout', severity: 'critical', variant: 'canary' },
        summary: '5xx ratio 4.2% > 1%',
        startsAt: Date.UTC(2026, 10, 20, 20, 16, 46, 649),
      },
    });
  });

  it('reads the real resolved message as the end of the same firing', () => {
    const of = (name: string): Parsed => parseAlertmanager(JSON.stringify(capture(name).body), context);
    const key = ({ fingerprint, startsAt }: Alert): string => `${fingerprint}/${startsAt}`;
    const resolved = alertsOf(of('alertmanager-resolved'));
    expect(resolved.map(({ status }) => status)).toEqual(['resolved', 'resolved']);
    expect(resolved.map(key)).toEqual(alertsOf(of('alertmanager-firing')).map(key));
  });

  it("believes each alert's status, not the message's", () => {
    const parsed = alertmanager([firing(), firing({ status: 'resolved', fingerprint: 'bb' })], { status: 'firing' });
    expect(alertsOf(parsed).map(({ status }) => status)).toEqual(['firing', 'resolved']);
  });

  it('gives copies and repeats one id, however their sender writes the moment', () => {
    const id = (over: Record<string, unknown>): string | undefined => accepted(alertmanager([firing(over)])).facts[0]?.id;
    expect(id({ startsAt: '2026-08-20T12:00:00.000+02:00', endsAt: 'x', generatorURL: 'http://other' })).toBe(id({}));
    expect(id({ startsAt: '2026-08-20T10:00:01Z' })).not.toBe(id({}));
    expect(id({ status: 'resolved' })).not.toBe(id({}));
    expect(id({ fingerprint: 'ff' })).not.toBe(id({}));
  });

  it.each([
    ['2026-08-20T10:00:00.9999999Z', 999],
    ['2026-08-20T10:00:00.5Z', 500],
    ['2026-08-20T10:00:00Z', 0],
  ])('reads %s to the millisecond', (startsAt, ms) => {
    expect(alertsOf(alertmanager([firing({ startsAt })]))[0]?.startsAt).toBe(Date.UTC(2026, 7, 20, 10) + ms);
  });

  it.each([
    [{ summary: 's', message: 'm', description: 'd' }, 's'],
    [{ message: 'm', description: 'd' }, 'm'],
    [{ summary: ' ', description: 'd' }, 'd'],
    [{ summary: 7, description: 'd' }, 'd'],
    [{}, ''],
    [null, ''],
    ['text', ''],
  ])('takes the summary from annotations %j', (annotations, summary) => {
    expect(alertsOf(alertmanager([firing({ annotations })]))[0]?.summary).toBe(summary);
  });

  it('cuts a long summary between characters', () => {
    const summary = alertsOf(alertmanager([firing({ annotations: { summary: '🦆'.repeat(1000) } })]))[0]?.summary ?? '';
    expect(summary).toBe(`${'🦆'.repeat(299)}…`);
  });

  it.each([
    ['an unknown status', firing({ status: 'maybe' }), 'alerts.0.status: found "maybe", allowed is firing or resolved'],
    ['a moment that does not exist', firing({ startsAt: '2026-02-30T00:00:00Z' }), 'alerts.0.startsAt: found "2026-02-30T00:00:00Z"'],
    ['a label that is no text', firing({ labels: { a: 1 } }), 'alerts.0.labels.a: found 1, allowed is text'],
    ['labels beyond all measure', firing({ labels: { a: 'x'.repeat(20_000) } }), 'alerts.0.labels: found an object, allowed is at most'],
    ['labels without number', firing({ labels: Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`l${i}`, ''])) }), 'at most 128 labels'],
    ['no labels', firing({ labels: null }), 'alerts.0.labels: found null, allowed is an object of at most 128 labels'],
    ['a fingerprint with a slash', firing({ fingerprint: 'a/b' }), 'alerts.0.fingerprint: found "a/b"'],
  ])('ignores %s, says why, and still reads the rest', (_, bad, reason) => {
    const { facts, ignored } = accepted(alertmanager([bad, firing()]));
    expect(facts).toHaveLength(1);
    expect(ignored.map((entry) => entry.reason).join()).toContain(reason);
  });

  it('says when the sender cut the list', () => {
    expect(accepted(alertmanager([firing()], { truncatedAlerts: 3 })).ignored).toEqual([
      { reason: 'truncatedAlerts: found 3, so many alerts were left out by the sender' },
    ]);
  });

  it('takes fields that it does not know', () => {
    const parsed = alertmanager([firing({ silenceURL: 'x' })], { notification_reason: 'first notification', routeLabels: {} });
    expect(accepted(parsed)).toMatchObject({ facts: [{}], ignored: [] });
  });

  it('refuses another version', () => {
    expect(refused(alertmanager([], { version: '1' }))).toBe('version: found "1", allowed is "4"');
  });
});

describe.each(Object.entries(senders))('the bounds of %s', (_, parse) => {
  const read = (body: Uint8Array | string): string => refused(parse(body, context));

  it('refuses what is too big before reading it', () => {
    expect(read(`"${'x'.repeat(maxBodySize)}"`)).toBe(`body: found ${maxBodySize + 2} bytes, allowed are ${maxBodySize}`);
    expect(read(new Uint8Array(maxBodySize + 1))).toMatch(/^body: found/);
  });

  it('refuses what is nested too deep, brackets in texts apart', () => {
    expect(read('['.repeat(maxBodySize))).toContain('nesting deeper than 64');
    expect(read(`${'['.repeat(maxDepth + 1)}${']'.repeat(maxDepth + 1)}`)).toContain('nesting deeper');
    expect(read(`${'['.repeat(maxDepth)}${']'.repeat(maxDepth)}`)).not.toContain('nesting deeper');
    expect(read(JSON.stringify(`\\"${'['.repeat(100)}`))).not.toContain('nesting deeper');
  });

  it('refuses more values than any sender needs, commas in texts apart', () => {
    expect(read(`[${'0,'.repeat(maxValues)}0]`)).toBe(`body: found more than ${maxValues} values, which is the limit`);
    expect(read(JSON.stringify(','.repeat(maxValues + 1)))).not.toContain('values');
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(read(new Uint8Array([0x22, 0xff, 0x22]))).toContain('not UTF-8');
  });

  it.each(['', ' ', '{', 'nul', '{"events":[}', '\u0000'])('refuses %j, which is no JSON', (body) => {
    expect(read(body)).toMatch(/^body: found no JSON: /);
  });

  it.each(['null', 'true', '1e999', '-0', '"x"', '[]', '{}'])('refuses %s, which is no message', (body) => {
    expect(read(body)).toMatch(/: found .*, allowed is /);
  });
});

it('is not polluted by keys that name prototypes', () => {
  const labels = '{"__proto__":{"polluted":1},"constructor":"c","rollout":"web"}';
  const body = `{"__proto__":{"polluted":1},"version":"4","alerts":[${JSON.stringify(firing()).replace(/"labels":\{[^}]*\}/, `"labels":${labels}`)}]}`;
  const fact = alertsOf(parseAlertmanager(body, context))[0];
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(Object.entries(fact?.labels ?? {})).toEqual([['constructor', 'c'], ['rollout', 'web']]);
});

it('lets the last of equal keys count', () => {
  const body = `{"events":[],"events":[${JSON.stringify(push())}]}`;
  expect(accepted(parseDistribution(body, context)).facts).toHaveLength(1);
});

describe('hostile bodies', () => {
  const valid = [...capture('docker-registry-push').deliveries, capture('alertmanager-firing'), capture('alertmanager-resolved')].map(
    ({ body }) => JSON.stringify(body),
  );
  const spliced = fc
    .tuple(fc.constantFrom(...valid), fc.nat(2000), fc.nat(40), fc.string({ unit: 'binary', maxLength: 20 }))
    .map(([text, at, cut, insert]) => text.slice(0, at) + insert + text.slice(at + cut));
  const replaced = fc.tuple(fc.constantFrom(...valid), fc.nat(200), fc.jsonValue()).map(([text, nth, value]) => {
    let at = 0;
    return JSON.stringify(JSON.parse(text, (_, old: unknown) => (at++ === nth ? value : old)));
  });
  const body = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string(), spliced, replaced);

  it('never make a parser throw, and each is either read or refused with a reason', () => {
    fc.assert(
      fc.property(body, (bytes) => {
        for (const parse of Object.values(senders)) {
          const parsed = parse(bytes, context);
          if (!parsed.ok && parsed.reason === '') return false;
        }
        return true;
      }),
      { numRuns: 10_000 },
    );
  });

  /** As many pieces as the limits on size and values let through. */
  const fill = (start: string, piece: (i: number) => string, end: string): string => {
    const values = piece(0).split(/[,{[]/).length;
    const bytes = Math.floor((maxBodySize - start.length - end.length) / (piece(99_999).length + 1));
    return start + Array.from({ length: Math.min(bytes, Math.floor((maxValues - 20) / values)) }, (__, i) => piece(i)).join(',') + end;
  };
  const alerts = '{"version":"4","alerts":[';
  it.each([
    ['zeros', fill('{"events":[', () => '0', ']}'), fill(alerts, () => '0', ']}')],
    ['empty objects', fill('{"events":[', () => '{}', ']}'), fill(alerts, () => '{}', ']}')],
    ['objects all unlike', fill('{"events":[', (i) => `{"k${i}":0}`, ']}'), fill(alerts, (i) => `{"k${i}":0}`, ']}')],
    ['real entries', fill('{"events":[', () => JSON.stringify(push()), ']}'), fill(alerts, () => JSON.stringify(firing()), ']}')],
    ['many labels', '[]', fill(`${alerts}{"labels":{`, (i) => `"l${i}":"x"`, '}}]}')],
    ['a long repository', JSON.stringify({ events: [push({ repository: 'a-'.repeat(500_000) })] }), '[]'],
    ['a long tag', JSON.stringify({ events: [push({ tag: 'a'.repeat(1_000_000) })] }), '[]'],
    ['a long moment', '[]', `${alerts}${JSON.stringify(firing({ startsAt: `2026-08-20T10:00:00.${'0'.repeat(1_000_000)}Z` }))}]}`],
  ])('of 1 MiB take under 50 ms: %s', (_, forRegistry, forAlerts) => {
    const best = (parse: (typeof senders)['distribution'], text: string): number =>
      Math.min(
        ...[1, 2, 3, 4, 5].map(() => {
          const start = performance.now();
          parse(text, context);
          return performance.now() - start;
        }),
      );
    expect(best(parseDistribution, forRegistry)).toBeLessThan(50);
    expect(best(parseAlertmanager, forAlerts)).toBeLessThan(50);
  });

  it('with more entries than are read are read up to the limit, and that is said', () => {
    const many = Array.from({ length: maxEntries + 1 }, (_, i) => firing({ fingerprint: `f${i}` }));
    const { facts, ignored } = accepted(alertmanager(many));
    expect(facts).toHaveLength(maxEntries);
    expect(ignored).toEqual([{ reason: `alerts: found ${maxEntries + 1}, only the first ${maxEntries} were read` }]);
  });
});
