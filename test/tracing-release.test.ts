import { afterEach, describe, expect, it, vi } from 'vitest';
import type { WrittenConfig } from '../functions/config.ts';
import type { Input } from '../events/input.ts';
import { openTracing } from '../infra/tracing/open.ts';
import type { About, Level } from '../infra/tracing/port.ts';
import { parseTraceparent, traceIdOf } from '../infra/tracing/traceparent.ts';
import { handleDelivery, patience } from '../infra/worker/worker.ts';
import { collector, type Collected, type Collector } from './fixtures/collector.ts';
import { alertBody, definition, image, quickSteps, served, tokenOf, workload, type Served } from './fixtures/serving.ts';

interface Line extends About {
  readonly level: Level;
  readonly msg: string;
}

const collectors: Collector[] = [];
afterEach(() => {
  for (const one of collectors.splice(0)) one.close();
});
const collecting = async (options?: { hangs: boolean }): Promise<Collector> => {
  const one = await collector(options);
  collectors.push(one);
  return one;
};

const listening = async (written: WrittenConfig = {}): Promise<{ readonly sluice: Served; readonly lines: Line[] }> => {
  const lines: Line[] = [];
  const sluice = await served(written, { log: (level, msg, about) => lines.push({ level, msg, ...about }) });
  return { sluice, lines };
};

/** A webhook with its trace; resolves to the answer. */
const hook = async ({ url }: Served, source: string, body: unknown, traceparent?: string, token = tokenOf('HOOK')): Promise<Response> =>
  fetch(`${url}/hooks/${source}`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...(traceparent === undefined ? {} : { traceparent }) }, body: JSON.stringify(body) });

const pushed = ({ sandbox }: Served, tag: string) => {
  const digest = sandbox.registry.push(image, tag, { env: { VERSION: tag } });
  return { events: [{ id: `push-${tag}`, action: 'push', target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, repository: 'team/demo', tag }, request: { host: 'registry.example.com' } }] };
};

const pushTrace = { id: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };
const alertTrace = { id: 'af7651916cd43dd8448eb211c80319c7', span: 'b7ad6b7169203331' };
const spell = ({ id, span }: { id: string; span: string }): string => `00-${id}-${span}-01`;
const idOf = ({ trace }: Line): string | undefined => (trace === undefined ? undefined : traceIdOf(trace));
const effects = (lines: readonly Line[]): readonly string[] => lines.filter(({ msg }) => msg === 'effect performed').map((line) => String(line['effect']));

const released = async (sluice: Served, traceparent = spell(pushTrace)): Promise<Response> => {
  await sluice.call('PUT', '/api/rollouts', { text: definition(quickSteps) });
  const answer = await hook(sluice, 'registry', pushed(sluice, '1.1.0'), traceparent);
  await sluice.view(({ release, stable }) => release?.phase === 'completed' && stable !== undefined);
  return answer;
};

/** A release of a service whose pods do not come up. */
const unready = async (sluice: Served): Promise<void> => {
  await sluice.call('PUT', '/api/rollouts', { text: definition(quickSteps) });
  await sluice.sandbox.asUser('kubectl').patch(workload, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'elsewhere.example.com/other:1' }]);
  await vi.waitFor(async () => expect((await sluice.sandbox.cluster.get(workload))?.['status']).not.toMatchObject({ updatedReplicas: 2 }));
  await hook(sluice, 'registry', pushed(sluice, '1.1.0'));
};

describe('one id leads from the webhook through every effect', () => {
  it('of a push, to the last one, timers and the message to the rollout included', async () => {
    const { sluice, lines } = await listening();
    const answer = await released(sluice);
    expect(parseTraceparent(answer.headers.get('traceresponse') ?? '')?.traceId).toBe(pushTrace.id);

    const followed = lines.filter((line) => idOf(line) === pushTrace.id);
    expect(followed[0]).toMatchObject({ msg: 'request answered', path: '/hooks/registry', status: 202, by: 'registry' });
    const all = effects(lines);
    expect(all).toEqual(expect.arrayContaining(['release.preflight', 'fleet.write', 'route.write', 'route.verify', 'template.write', 'fleet.delete', 'route.clean', 'document.send']));
    expect(effects(followed)).toEqual(all);
    expect(followed.filter(({ msg }) => msg === 'message handled').map((line) => line['message'])).toEqual(expect.arrayContaining(['announcement', 'input']));
    expect(followed.some((line) => line.msg === 'input judged' && line['timer'] !== null && line['timer'] !== undefined)).toBe(true);
  });

  it('of an alert, which has one of its own, through the write that takes everybody back', async () => {
    const { sluice, lines } = await listening();
    await sluice.call('PUT', '/api/rollouts', { text: definition('steps: [{weight: 20, hold: 1h}]\nalerts: [{match: {severity: critical}, do: rollback}]') });
    await hook(sluice, 'registry', pushed(sluice, '1.1.0'), spell(pushTrace));
    await sluice.view(({ release }) => release?.exposed === true && release.waitingFor.what.startsWith('the hold'));
    await hook(sluice, 'alerts', alertBody({ severity: 'critical', alertname: 'Errors' }), spell(alertTrace));
    await sluice.view(({ release }) => release?.phase === 'rolledBack');
    const back = lines.filter((line) => line['effect'] === 'route.restore' && line.msg === 'effect performed');
    expect(back.length).toBeGreaterThan(0);
    expect(new Set(back.map(idOf))).toEqual(new Set([alertTrace.id]));
    expect(effects(lines.filter((line) => idOf(line) === pushTrace.id))).not.toContain('route.restore');
  });

  it('of a person, whose command and definition are followed as well', async () => {
    const { sluice, lines } = await listening();
    const put = await fetch(`${sluice.url}/api/rollouts`, { method: 'PUT', headers: { authorization: `Bearer ${tokenOf('ADA')}` }, body: JSON.stringify({ text: definition(quickSteps) }) });
    const applied = parseTraceparent(put.headers.get('traceresponse') ?? '')?.traceId;
    expect(lines.filter((line) => idOf(line) === applied)).toEqual(expect.arrayContaining([expect.objectContaining({ msg: 'input judged', input: 'definition.applied', by: 'ada' })]));
    const start = await fetch(`${sluice.url}/api/rollouts/pro/demo/commands`, { method: 'POST', headers: { authorization: `Bearer ${tokenOf('ADA')}` }, body: JSON.stringify({ type: 'start', image, tag: '9.9.9' }) });
    const started = parseTraceparent(start.headers.get('traceresponse') ?? '')?.traceId;
    await sluice.view(({ release }) => release?.endedAt !== undefined);
    expect(started).not.toBe(applied);
    expect(effects(lines.filter((line) => idOf(line) === started))).toContain('image.resolve');
  });
});

describe('whose trace it is', () => {
  it.each([undefined, 'nonsense', `00-${'0'.repeat(32)}-${pushTrace.span}-01`])('a caller that sends %s is given one', async (sent) => {
    const { sluice, lines } = await listening();
    const answer = await hook(sluice, 'registry', pushed(sluice, '1.1.0'), sent);
    const given = parseTraceparent(answer.headers.get('traceresponse') ?? '');
    expect(given?.traceId).toMatch(/^[0-9a-f]{32}$/);
    await vi.waitFor(() => expect(lines.filter((line) => idOf(line) === given?.traceId).map(({ msg }) => msg)).toEqual(expect.arrayContaining(['request answered', 'message handled'])));
  });

  it('a stranger chooses nothing', async () => {
    const { sluice, lines } = await listening();
    const answer = await hook(sluice, 'registry', {}, spell(pushTrace), 'wrong');
    expect(answer.status).toBe(401);
    expect(answer.headers.get('traceresponse')).toBeNull();
    await vi.waitFor(() => expect(lines).toContainEqual(expect.objectContaining({ msg: 'request answered', status: 401 })));
    expect(lines.some((line) => idOf(line) === pushTrace.id)).toBe(false);
  });
});

describe('what goes wrong is told', () => {
  it('a push that starts nothing, with the reason why', async () => {
    const { sluice, lines } = await listening();
    await sluice.call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    await hook(sluice, 'registry', pushed(sluice, 'nightly'), spell(pushTrace));
    await vi.waitFor(() => expect(lines.filter((line) => idOf(line) === pushTrace.id)).toContainEqual(expect.objectContaining({ level: 'info', msg: 'input judged', input: 'image.pushed', said: expect.stringContaining('tag nightly does not match') as string })));
  });

  it.each([
    { attempts: 1, level: 'warn', msg: 'message failed and comes again' },
    { attempts: patience.urgent.attempts, level: 'error', msg: 'message is dead' },
  ])('a message that cannot be handled, at attempt $attempts as $level with the reason', async ({ attempts, level, msg }) => {
    const { sluice, lines } = await listening();
    const input: Input = { id: 'lost', document: 'release/pro/demo/9', event: { type: 'pause' }, receivedAt: 0, trace: spell(pushTrace) };
    await handleDelivery(sluice.ports, { receipt: '0/0', message: { id: 'lost', lane: 'urgent', body: { type: 'input', input } }, attempts });
    expect(lines).toMatchObject([{ level, msg, trace: spell(pushTrace), document: 'release/pro/demo/9', attempts, reason: expect.stringContaining('does not exist') as string }]);
  });

  it('an effect that the cluster was not ready for, as a warning with the reason', async () => {
    const { sluice, lines } = await listening();
    await unready(sluice);
    await vi.waitFor(() =>
      expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', msg: 'effect performed', effect: 'release.preflight', outcome: 'unavailable', reason: expect.stringContaining('begins from a healthy stable') as string })),
    );
  });
});

const exporting = ({ port }: Collector): WrittenConfig => ({ tracing: { otlp: { url: `http://127.0.0.1:${port}/v1/traces`, headers: { 'x-api-key': 'env:COLLECTOR' } } }, outbound: { loopback: true } });
const attribute = (span: Collected, name: string): unknown => Object.values(span.attributes.find(({ key }) => key === name)?.value ?? {})[0];

describe('spans over OTLP/HTTP', () => {
  it('a whole release is one connected trace, whose ids are those in the journal', async () => {
    const one = await collecting();
    const { sluice } = await listening(exporting(one));
    await released(sluice);
    await sluice.ports.tracing?.flush();
    const spans = await vi.waitFor(() => {
      const found = one.spans.filter(({ traceId }) => traceId === pushTrace.id);
      expect(found.map(({ name }) => name)).toEqual(expect.arrayContaining(['POST /hooks/:source', 'resolve image.pushed', 'handle image.pushed', 'handle release.opened', 'advance', 'route.write', 'template.write', 'document.send', 'handle release.ended', 'wake']));
      return found;
    });
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(ids.size).toBe(spans.length);
    const roots = spans.filter(({ parentSpanId = '' }) => !ids.has(parentSpanId));
    expect(roots).toMatchObject([{ name: 'POST /hooks/:source', parentSpanId: pushTrace.span }]);

    const rows = await sluice.ports.store.journal('release/pro/demo/1', 0, 1_000);
    const carried = rows.flatMap(({ effects: made }) => made);
    expect(carried.length).toBeGreaterThan(15);
    for (const { key, trace = '' } of carried) {
      const span = spans.find((candidate) => attribute(candidate, 'sluice.key') === key && attribute(candidate, 'sluice.release') !== undefined);
      expect({ key, parent: span?.parentSpanId }).toEqual({ key, parent: parseTraceparent(trace)?.spanId });
      expect(ids).toContain(parseTraceparent(trace)?.spanId);
    }
    const write = spans.find(({ name }) => name === 'route.write');
    expect(write && ['sluice.namespace', 'sluice.rollout', 'sluice.effect', 'sluice.outcome'].map((name) => attribute(write, name))).toEqual(['pro', 'demo', 'route.write', 'done']);
    expect(write?.status.code).toBe(1);
    expect(one.headers[0]?.['x-api-key']).toBe(tokenOf('COLLECTOR'));
  });

  it('a span of what failed says so, with the reason', async () => {
    const one = await collecting();
    const { sluice } = await listening(exporting(one));
    await unready(sluice);
    const failed = await vi.waitFor(
      () => {
        const found = one.spans.find(({ name, status }) => name === 'release.preflight' && status.code === 2);
        expect(found).toBeDefined();
        return found;
      },
      { timeout: 5_000 },
    );
    expect(failed?.status.message).toContain('begins from a healthy stable');
  });

  it('a collector that hangs delays no release, and is told of once', async () => {
    const dead = await collecting({ hangs: true });
    const { sluice, lines } = await listening(exporting(dead));
    const begun = Date.now();
    await released(sluice);
    const took = Date.now() - begun;
    const flushing = Date.now();
    await sluice.ports.tracing?.flush();
    await sluice.ports.tracing?.flush();
    expect(Date.now() - flushing).toBeLessThan(900);
    expect(took).toBeLessThan(8_000);
    expect(dead.requests()).toBeGreaterThan(0);
    await vi.waitFor(() => expect(lines.filter(({ msg }) => msg === 'spans are lost')).toHaveLength(1), { timeout: 8_000 });
  });

  it('more spans than may wait are dropped, not kept', async () => {
    const dead = await collecting({ hangs: true });
    const tracing = await openTracing({ otlp: { url: `http://127.0.0.1:${dead.port}/` }, allow: { loopback: true }, secrets: { read: () => Promise.resolve('') }, log: () => undefined });
    for (let n = 0; n < 20_000; n++) tracing.span?.({ name: 'one', kind: 'internal' }).end();
    const begun = Date.now();
    await tracing.close();
    expect(Date.now() - begun).toBeLessThan(2_000);
    // Batches of 256, of which 2,048 spans may wait while one is on its way.
    expect(dead.requests()).toBeLessThanOrEqual(9);
  });

  it.each(['http://169.254.169.254/v1/traces', 'http://metadata.google.internal/v1/traces', 'http://user:pass@collector.example.com/', 'file:///tmp/traces'])('the configured address %s is refused at the start', async (url) => {
    await expect(openTracing({ otlp: { url }, allow: { private: true, loopback: true }, secrets: { read: () => Promise.resolve('') } })).rejects.toThrow('tracing.otlp.');
  });

  it('a name that leads to an address which is not allowed is never connected to', async () => {
    const one = await collecting();
    const reasons: string[] = [];
    const tracing = await openTracing({ otlp: { url: `http://localhost:${one.port}/v1/traces` }, allow: {}, secrets: { read: () => Promise.resolve('') }, log: (_level, _message, { reason }) => reasons.push(String(reason)) });
    tracing.span?.({ name: 'one', kind: 'internal' }).end();
    await tracing.flush();
    await tracing.close();
    expect(one.requests()).toBe(0);
    expect(reasons).toEqual([expect.stringContaining('a loopback address, which is not allowed here')]);
  });
});
