import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createApi } from '../functions/api.ts';
import { readConfig } from '../functions/config.ts';
import { bareApp } from '../functions/http/app.ts';
import { createIngest } from '../functions/ingest.ts';
import { alertBody, definition, image, quickSteps, served, tokenOf, userObjects } from './fixtures/serving.ts';

const past = '2001-01-01T00:00:00Z';
const future = '2999-01-01T00:00:00Z';
const bearer = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` });

const people = {
  ada: { tokens: ['env:ADA', { secret: 'env:ADA_NEXT', until: future }, { secret: 'env:ADA_GONE', until: past }], role: 'operator' as const },
  vic: { tokens: ['env:VIC', { secret: 'env:VIC_GONE', until: past }], role: 'viewer' as const },
  otto: { tokens: ['env:OTTO'], role: 'operator' as const, rollouts: ['pro/other', 'dev/*'] },
};
const sources = {
  registry: { kind: 'distribution' as const, tokens: ['env:HOOK', { secret: 'env:HOOK_NEXT', until: future }, { secret: 'env:HOOK_GONE', until: past }] },
  foreign: { kind: 'distribution' as const, tokens: ['env:FOREIGN'], rollouts: ['pro/other'] },
  alerts: { kind: 'alertmanager' as const, tokens: ['env:HOOK'] },
  foreignAlerts: { kind: 'alertmanager' as const, tokens: ['env:FOREIGN'], rollouts: ['*/other'] },
  signed: { kind: 'alertmanager' as const, signature: { header: 'X-Signature', algorithm: 'sha256' as const, keys: ['env:KEY', { secret: 'env:KEY_GONE', until: past }] } },
  small: { kind: 'alertmanager' as const, tokens: ['env:HOOK'], maxBytes: 2_048 },
  slow: { kind: 'alertmanager' as const, tokens: ['env:HOOK'], perMinute: 3 },
};
const open = () => served({ people, sources: Object.fromEntries(Object.entries(sources).map(([name, source]) => [name.toLowerCase(), source])) });

const pushBody = (id: string, { tag = '1.1.0', digest = `sha256:${'a'.repeat(64)}`, at = Date.now() } = {}) => ({
  events: [
    {
      id,
      timestamp: new Date(at).toISOString(),
      action: 'push',
      target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, repository: 'team/demo', tag },
      request: { host: 'registry.example.com' },
    },
  ],
});

/** Every route that a person may call about one rollout: method, path, body, what it answers to the right person. */
const ofOneRollout = [
  ['GET', '/api/rollouts/pro/demo', undefined, 200],
  ['GET', '/api/rollouts/pro/demo/history', undefined, 200],
  ['GET', '/api/rollouts/pro/demo/events', undefined, 200],
  ['GET', '/api/rollouts/pro/demo/releases/1/replay', undefined, 404],
  ['POST', '/api/rollouts/pro/demo/commands', { type: 'start', tag: '9.9.9' }, 202],
  ['PUT', '/api/rollouts', { text: definition(quickSteps) }, 200],
  ['POST', '/api/plan', { rollout: 'pro/demo' }, 200],
  ['POST', '/api/plan', { text: definition(quickSteps) }, 200],
] as const;
/** Routes about nothing in particular, or about everything. */
const ofAll = [
  ['GET', '/api/dead-letters', undefined, 200],
  ['POST', '/api/dead-letters/1/redrive', undefined, 404],
] as const;
const looking = [
  ['GET', '/api/rollouts', undefined, 200],
  ['POST', '/api/lint', { text: '' }, 200],
] as const;

describe('a person', () => {
  it.each([...ofOneRollout, ...ofAll, ...looking])('%s %s %o needs a token that is known and has not run out', async (method, path, body, right) => {
    const { call } = await open();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) }, bearer('ADA'));
    for (const headers of [{}, bearer('NOBODY'), bearer('ADA_GONE'), { authorization: tokenOf('ADA') }, { authorization: `Basic ${tokenOf('ADA')}` }]) expect((await call(method, path, body, headers)).status).toBe(401);
    expect((await call(method, path, body, bearer('ADA'))).status).toBe(right);
  });

  it('has two tokens while one is being changed', async () => {
    const { call } = await open();
    for (const name of ['ADA', 'ADA_NEXT']) expect((await call('GET', '/api/rollouts', undefined, bearer(name))).status).toBe(200);
  });

  it.each(ofOneRollout)('%s %s %o is refused to somebody who has to do with another rollout', async (method, path, body) => {
    const { call, ports } = await open();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) }, bearer('ADA'));
    const before = await ports.store.load('rollout/pro/demo');
    const answer = await call(method, path, body, bearer('OTTO'));
    expect(answer.status).toBe(403);
    expect(JSON.stringify(answer.body)).toContain('otto has nothing to do with pro/demo');
    expect(await ports.store.load('rollout/pro/demo')).toEqual(before);
  });

  it.each(ofAll)('%s %s is refused to somebody who has to do with some rollouts only', async (method, path) => {
    const { call } = await open();
    expect((await call(method, path, undefined, bearer('OTTO'))).status).toBe(403);
  });

  it('sees in the list what they have to do with', async () => {
    const { call, sandbox } = await open();
    for (const object of userObjects('other')) await sandbox.asUser('kubectl').create(object);
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) }, bearer('ADA'));
    expect((await call('PUT', '/api/rollouts', { text: definition(quickSteps, 'other') }, bearer('OTTO'))).status).toBe(200);
    const names = async (who: string) => ((await call('GET', '/api/rollouts', undefined, bearer(who))).body as { rollouts: { name: string }[] }).rollouts.map(({ name }) => name);
    expect(await names('ADA')).toEqual(['demo', 'other']);
    expect(await names('OTTO')).toEqual(['other']);
  });

  it('who sends a command again under the same key gives it once, and means the release they named', async () => {
    const { call, view } = await open();
    await call('PUT', '/api/rollouts', { text: definition('steps: [{weight: 20, hold: 1h}, {weight: 60, hold: 1h}]') }, bearer('ADA'));
    await call('POST', '/api/rollouts/pro/demo/commands', { type: 'start', tag: '1.0.0' }, bearer('ADA'));
    await view(({ release }) => release?.waitingFor.what.startsWith('the hold') === true);
    const again = { ...bearer('ADA'), 'idempotency-key': 'press-0123456789' };
    const order = (release?: number) => call('POST', '/api/rollouts/pro/demo/commands', { type: 'promote', ...(release === undefined ? {} : { release }) }, again);
    expect((await order(7)).status).toBe(409);
    expect((await order(1)).body).toMatchObject({ outcome: 'moved' });
    await view(({ release }) => release?.wanted === 60 && release.waitingFor.what.startsWith('the hold'));
    expect((await order(1)).body).toMatchObject({ outcome: 'duplicate' });
    expect((await call('GET', '/api/rollouts/pro/demo', undefined, bearer('ADA'))).body).toMatchObject({ rollout: { release: { wanted: 60, phase: 'stepping' } } });
    expect((await call('POST', '/api/rollouts/pro/demo/commands', { type: 'promote' }, { ...bearer('ADA'), 'idempotency-key': 'short' })).status).toBe(400);
  });
});

describe('a source', () => {
  it.each(['registry', 'alerts', 'foreign', 'foreignalerts', 'unknown'])('/hooks/%s needs its own token, and one that has not run out', async (name) => {
    const { call } = await open();
    for (const headers of [{}, bearer('NOBODY'), bearer('HOOK_GONE'), bearer('ADA'), { authorization: tokenOf('HOOK') }]) expect((await call('POST', `/hooks/${name}`, '{}', headers)).status).toBe(401);
  });

  it('has two tokens while one is being changed', async () => {
    const { call } = await open();
    for (const name of ['HOOK', 'HOOK_NEXT']) expect((await call('POST', '/hooks/registry', pushBody('e'), bearer(name))).status).toBe(202);
  });

  it('whose signature is missing, wrong, over other bytes or by a key that has run out is not believed', async () => {
    const { call } = await open();
    const body = JSON.stringify(alertBody({ severity: 'critical' }));
    const sign = (key: string, text = body) => ({ 'x-signature': createHmac('sha256', tokenOf(key)).update(text).digest('hex') });
    for (const headers of [{}, { 'x-signature': 'ab' }, sign('OTHER'), sign('KEY', `${body} `), sign('KEY_GONE'), bearer('KEY')]) expect((await call('POST', '/hooks/signed', body, headers)).status).toBe(401);
    expect((await call('POST', '/hooks/signed', body, sign('KEY'))).status).toBe(202);
  });

  it('that delivers a push again starts no second release', async () => {
    const { call, view, sandbox } = await open();
    const digest = sandbox.registry.push(image, '1.1.0', { env: { VERSION: '1.1.0' } });
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) }, bearer('ADA'));
    for (let n = 0; n < 3; n++) await call('POST', '/hooks/registry', pushBody('e1', { digest }), bearer('HOOK'));
    await view(({ release, stable }) => release?.phase === 'completed' && stable !== undefined);
    await call('POST', '/hooks/registry', pushBody('e1', { digest }), bearer('HOOK'));
    expect(((await call('GET', '/api/rollouts/pro/demo/history', undefined, bearer('ADA'))).body as { releases: unknown[] }).releases).toHaveLength(1);
  });

  it('that speaks of a push of yesterday is kept, but starts nothing', async () => {
    const { call } = await open();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) }, bearer('ADA'));
    const answer = await call('POST', '/hooks/registry', pushBody('old', { at: Date.now() - 25 * 3_600_000 }), bearer('HOOK'));
    expect(answer).toMatchObject({ status: 202, body: { accepted: 0 } });
    const { body } = await call('GET', '/api/dead-letters', undefined, bearer('ADA'));
    expect((body as { deadLetters: { reason: string }[] }).deadLetters[0]?.reason).toMatch(/push\/registry\/old happened .* more than 24 hours ago/);
  });

  it('reaches only the rollouts it may speak of', async () => {
    const { call, view } = await open();
    await call('PUT', '/api/rollouts', { text: definition('steps: [{weight: 20, hold: 1h}]\nalerts: [{match: {severity: critical}, do: rollback}]') }, bearer('ADA'));
    await call('POST', '/hooks/foreign', pushBody('f1', { tag: '1.0.0' }), bearer('FOREIGN'));
    await call('POST', '/api/rollouts/pro/demo/commands', { type: 'start', tag: '1.0.0' }, bearer('ADA'));
    await view(({ release }) => release?.exposed === true && release.waitingFor.what.startsWith('the hold'));
    const alarm = alertBody({ severity: 'critical', alertname: 'Errors' });
    expect((await call('POST', '/hooks/foreignalerts', alarm, bearer('FOREIGN'))).status).toBe(202);
    await call('POST', '/api/rollouts/pro/demo/commands', { type: 'pause' }, bearer('ADA'));
    expect((await view(({ release }) => release?.paused !== undefined)).release).toMatchObject({ n: 1, phase: 'stepping' });
    await call('POST', '/hooks/alerts', alarm, bearer('HOOK'));
    await view(({ release }) => release?.endedAt !== undefined);
  });

  it('may not send more than it is allowed to, with or without a length', async () => {
    const { call, url } = await open();
    expect((await call('POST', '/hooks/small', `"${'x'.repeat(2_100)}"`, bearer('HOOK'))).status).toBe(413);
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(`"${'x'.repeat(2_100)}"`));
        controller.close();
      },
    });
    expect((await fetch(`${url}/hooks/small`, { method: 'POST', headers: bearer('HOOK'), body: chunked, duplex: 'half' } as RequestInit)).status).toBe(413);
  });

  it('that calls too often is told when to come again, and no other suffers', async () => {
    const { call, url } = await open();
    const again = () => fetch(`${url}/hooks/slow`, { method: 'POST', headers: { ...bearer('HOOK'), 'content-type': 'application/json' }, body: JSON.stringify(alertBody({ a: 'b' })) });
    for (let n = 0; n < 3; n++) expect((await again()).status).toBe(202);
    const refused = await again();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await call('POST', '/hooks/alerts', alertBody({ a: 'b' }), bearer('HOOK'))).status).toBe(202);
  });
});

describe('every route', () => {
  it('is one of those tried above, or open to everybody on purpose', async () => {
    const { ports } = await open();
    const routes: string[] = [];
    const app = bareApp();
    app.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one} ${url}`);
    });
    const whole = { config: readConfig({}), secrets: { read: () => Promise.resolve('x') }, ports, sandbox: { traffic: () => Promise.reject(new Error()), push: () => Promise.reject(new Error()) } };
    await createApi(whole, createIngest(whole, app));
    await app.ready();
    const openToAll = /^GET \/(healthz)?$|^GET \/page\//;
    const guarded = routes.filter((route) => !openToAll.test(route)).sort();
    expect(guarded).toEqual(
      [
        'GET /api/dead-letters',
        'GET /api/rollouts',
        'GET /api/rollouts/:namespace/:name',
        'GET /api/rollouts/:namespace/:name/events',
        'GET /api/rollouts/:namespace/:name/history',
        'GET /api/rollouts/:namespace/:name/releases/:n/replay',
        'GET /api/rollouts/:namespace/:name/watch',
        'GET /api/sandbox',
        'GET /metrics',
        'POST /api/dead-letters/:id/redrive',
        'POST /api/lint',
        'POST /api/plan',
        'POST /api/rollouts/:namespace/:name/commands',
        'POST /api/sandbox/push',
        'POST /hooks/:source',
        'PUT /api/rollouts',
      ].sort(),
    );
    for (const route of guarded) {
      const [method = '', path = ''] = route.split(' ');
      const url = path.replace(/:(namespace|name|source|id|n)/g, '1');
      for (const headers of [{}, bearer('NOBODY')]) expect(await app.inject({ method: method as 'GET', url, headers }), route).toMatchObject({ statusCode: 401 });
    }
    await app.close();
  });
});

describe('the configuration', () => {
  it('refuses a token without an end that is a moment, and a pattern that is none', () => {
    expect(() => readConfig({ people: { ada: { tokens: [{ secret: 'env:A', until: 'tomorrow' }], role: 'viewer' } } })).toThrow(/people\.ada\.tokens/);
    expect(() => readConfig({ people: { ada: { tokens: ['env:A'], role: 'viewer', rollouts: ['**'] } } })).toThrow(/namespace\/name/);
  });
});
