import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RolloutView } from '../statemachines/view.ts';
import { alertBody, definition, image, quickSteps, served, tokenOf, userObjects } from './fixtures/serving.ts';

const hook = { authorization: `Bearer ${tokenOf('HOOK')}` };
const message = (body: unknown): string => (body as { error: { message: string } }).error.message;

describe('who is let in', () => {
  it.each([
    ['GET', '/api/rollouts'],
    ['GET', '/api/rollouts/pro/demo'],
    ['GET', '/api/rollouts/pro/demo/watch'],
    ['GET', '/api/rollouts/pro/demo/history'],
    ['GET', '/api/rollouts/pro/demo/events'],
    ['GET', '/api/rollouts/pro/demo/releases/1/replay'],
    ['GET', '/api/dead-letters'],
    ['GET', '/api/sandbox'],
    ['POST', '/api/lint'],
    ['POST', '/api/plan'],
    ['PUT', '/api/rollouts'],
    ['POST', '/api/rollouts/pro/demo/commands'],
    ['POST', '/api/dead-letters/1/redrive'],
    ['POST', '/hooks/registry'],
    ['POST', '/hooks/alerts'],
    ['POST', '/hooks/unknown'],
  ])('%s %s answers 401 without a token and with a wrong one', async (method, path) => {
    const { call } = await served();
    const body = method === 'GET' ? undefined : {};
    expect((await call(method, path, body, {})).status).toBe(401);
    expect((await call(method, path, body, { authorization: 'Bearer wrong' })).status).toBe(401);
  });

  it('a viewer may look with either of two valid tokens, but not act', async () => {
    const { call } = await served();
    for (const name of ['VIC', 'VIC_OLD']) expect((await call('GET', '/api/rollouts', undefined, { authorization: `Bearer ${tokenOf(name)}` })).status).toBe(200);
    expect((await call('PUT', '/api/rollouts', { text: '' }, { authorization: `Bearer ${tokenOf('VIC')}` })).status).toBe(403);
  });

  it('a source that signs is believed only with a signature over these very bytes', async () => {
    const { call } = await served();
    const body = JSON.stringify(alertBody({ severity: 'critical' }));
    const signature = createHmac('sha256', tokenOf('KEY')).update(body).digest('hex');
    expect((await call('POST', '/hooks/signed', body, { 'x-signature': signature })).status).toBe(202);
    expect((await call('POST', '/hooks/signed', `${body} `, { 'x-signature': signature })).status).toBe(401);
    expect((await call('POST', '/hooks/signed', body, {})).status).toBe(401);
  });
});

describe('what a webhook cannot be understood by is kept and shown', () => {
  const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
  it.each([
    ['malformed', '{"events": [', /JSON/],
    ['deeply nested', deep, /deep|nest/],
    ['of another sender', '{"hello": 1}', /events/],
  ])('a body that is %s is parked with the reason', async (_, body, reason) => {
    const { call } = await served();
    expect((await call('POST', '/hooks/registry', body, hook)).status).toBe(202);
    const { body: letters } = await call('GET', '/api/dead-letters');
    const [letter] = (letters as { deadLetters: { reason: string; message: { raw: string; source: string } }[] }).deadLetters;
    expect(letter?.reason).toMatch(reason);
    expect(letter?.message).toMatchObject({ source: 'registry', raw: body });
  });

  it('a body above 1 MiB is refused with 413', async () => {
    const { call } = await served();
    expect((await call('POST', '/hooks/registry', `"${'x'.repeat(1_048_577)}"`, hook)).status).toBe(413);
  });

  it('an alert that nobody waits for is taken in and does nothing', async () => {
    const { call } = await served();
    const answer = await call('POST', '/hooks/alerts', alertBody({ severity: 'none' }), hook);
    expect(answer).toMatchObject({ status: 202, body: { accepted: 1 } });
  });
});

describe('definitions', () => {
  it('mistakes are listed with line and column, and nothing is changed', async () => {
    const { call } = await served();
    const text = definition('steps: [{weight: 20, hold: 1s}, {wieght: 30}, {weight: 10}]\nwatch: 1s');
    const { status, body } = await call('PUT', '/api/rollouts', { text });
    expect(status).toBe(422);
    const { mistakes } = (body as { error: { mistakes: { line: number; column: number; field: string; message: string }[] } }).error;
    expect(mistakes).toContainEqual(expect.objectContaining({ field: 'spec.steps[1].wieght', line: 9, message: expect.stringContaining('did you mean `weight`?') as string }));
    expect(((await call('GET', '/api/rollouts')).body as { rollouts: unknown[] }).rollouts).toEqual([]);
  });

  it.each([
    ['a weight over 100', 'steps: [{weight: 101}]', /<=100/],
    ['steps that go down', 'steps: [{weight: 50}, {weight: 20}]', /20 is below the 50 of the step before/],
    ['an analysis that is not there', 'steps: [{weight: 5, analysis: healht}]\nanalyses: {health: {interval: 10s, query: up, min: 1}}', /did you mean `health`/],
    ['a ramp that goes down', 'steps: [{ramp: {from: 50, to: 10, by: 5, every: 1m}}]', /only goes up/],
    ['a query without a bound', 'steps: [{weight: 5}]\nanalyses: {health: {interval: 10s, query: up}}', /needs a bound/],
    ['bounds that contradict each other', 'steps: [{weight: 5}]\nanalyses: {health: {interval: 10s, query: up, min: 2, max: 1}}', /min is above max/],
    ['a tag filter that is no range', "steps: [{weight: 5}]\nonPush: sometimes", /onPush|supersede/],
  ])('%s is refused at lint', async (_, spec, reason) => {
    const { call } = await served();
    const { body } = await call('POST', '/api/lint', { text: definition(spec) });
    expect((body as { ok: boolean }).ok).toBe(false);
    expect(JSON.stringify(body)).toMatch(reason);
  });

  it('a workload and a route that do not exist are refused at apply, by name', async () => {
    const { call } = await served();
    const { status, body } = await call('PUT', '/api/rollouts', { text: definition(quickSteps, 'absent') });
    expect(status).toBe(422);
    expect(message(body)).toMatch(/Deployment pro\/absent does not exist.*IngressRoute pro\/absent does not exist/);
  });

  it('a second rollout for the same workload or route is refused with the name of the first', async () => {
    const { call, sandbox } = await served();
    for (const object of userObjects('other')) await sandbox.asUser('kubectl').create(object);
    expect((await call('PUT', '/api/rollouts', { text: definition(quickSteps) })).status).toBe(200);
    const stealing = definition(quickSteps, 'other').replace('kind: IngressRoute, name: other', 'kind: IngressRoute, name: demo').replace('name: other}\n  routes', 'name: demo}\n  routes');
    const { status, body } = await call('PUT', '/api/rollouts', { text: stealing });
    expect(status).toBe(409);
    expect(message(body)).toMatch(/belongs to rollout pro\/demo/);
  });

  it('applying the same definition again changes nothing', async () => {
    const { call, ports } = await served();
    const text = definition(quickSteps);
    expect((await call('PUT', '/api/rollouts', { text })).body).toEqual({ applied: [{ namespace: 'pro', name: 'demo', created: true }] });
    expect((await call('PUT', '/api/rollouts', { text })).body).toEqual({ applied: [{ namespace: 'pro', name: 'demo', created: false }] });
    expect((await ports.store.load('rollout/pro/demo'))?.version).toBe(1);
  });
});

describe('commands', () => {
  it('an unknown rollout is answered with the ones there are', async () => {
    const { call } = await served();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    const { status, body } = await call('POST', '/api/rollouts/pro/demmo/commands', { type: 'pause' });
    expect(status).toBe(404);
    expect(message(body)).toContain('there are pro/demo');
  });

  it('without a release under way there is nothing to pause', async () => {
    const { call } = await served();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    expect((await call('POST', '/api/rollouts/pro/demo/commands', { type: 'pause' })).status).toBe(409);
  });

  it.each([{ type: 'setWeight', weight: 101 }, { type: 'setWeight', weight: -1 }, { type: 'setWeight', weight: 'abc' }, { type: 'fly' }, { type: 'abort', because: 'x' }])('R07 %o is refused', async (command) => {
    const { call } = await served();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    expect((await call('POST', '/api/rollouts/pro/demo/commands', command)).status).toBe(422);
  });

  it('R24 a tag that is not in the registry ends the release before anything is written, with the reason', async () => {
    const { call, view, sandbox } = await served();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    expect((await call('POST', '/api/rollouts/pro/demo/commands', { type: 'start', image, tag: '9.9.9' })).body).toMatchObject({ outcome: 'moved' });
    const { release } = await view(({ release: one }) => one?.endedAt !== undefined);
    expect(release).toMatchObject({ phase: 'refused', ending: { reason: expect.stringContaining('9.9.9') as string } });
    expect(Object.keys(sandbox.calls.all()).filter((call) => !/^(get|list) /.test(call))).toEqual([]);
  });

  it('an approval for another release than the running one is refused', async () => {
    const { call, view, push } = await served();
    await call('PUT', '/api/rollouts', { text: definition('steps: [{weight: 20, approval: {question: Good?}}, {weight: 100}]\nwatch: 100ms') });
    await push('1.1.0');
    const { release } = await view(({ release: one }) => one?.question !== undefined);
    const answer = { type: 'approve', step: 0, question: 'Good?' };
    expect((await call('POST', '/api/rollouts/pro/demo/commands', { ...answer, release: 7 })).status).toBe(409);
    expect((await call('POST', '/api/rollouts/pro/demo/commands', { ...answer, release: release?.n, question: 'Bad?' })).body).toMatchObject({ outcome: 'noted' });
    expect((await call('POST', '/api/rollouts/pro/demo/commands', { ...answer, release: release?.n })).body).toMatchObject({ outcome: 'moved' });
    await view(({ release: one }) => one?.phase === 'completed');
  });
});

describe('webhooks and releases', () => {
  it('R01 a push starts exactly one release, however often it is delivered', async () => {
    const { call, view, push } = await served();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    await push('1.1.0');
    await push('1.1.0');
    // The rollout learns by a message that its release has ended.
    const done = await view(({ release, stable }) => release?.phase === 'completed' && stable !== undefined);
    expect(done.stable).toMatchObject({ tag: '1.1.0', release: 1 });
    await push('1.1.0');
    const { body } = await call('GET', '/api/rollouts/pro/demo/history');
    expect((body as { releases: unknown[] }).releases).toHaveLength(1);
  });

  it('R01 a tag that the filter does not let through starts nothing', async () => {
    const { call, push } = await served();
    await call('PUT', '/api/rollouts', { text: definition(quickSteps) });
    await push('nightly');
    const { body } = await call('GET', '/api/rollouts/pro/demo');
    expect((body as { rollout: RolloutView }).rollout.release).toBeUndefined();
  });

  it('a critical alert takes everybody back, quarantines the digest, and its push does not come again', async () => {
    const { call, view, push, sandbox } = await served();
    await call('PUT', '/api/rollouts', { text: definition('steps: [{weight: 20, hold: 1h}]\nalerts: [{match: {severity: critical}, do: rollback}]') });
    const before = await sandbox.cluster.get({ apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', namespace: 'pro', name: 'demo' });
    const digest = await push('1.1.0');
    await view(({ release }) => release?.exposed === true && release.waitingFor.what.startsWith('the hold'));
    await call('POST', '/hooks/alerts', alertBody({ severity: 'critical', alertname: 'Errors' }), hook);
    const over = await view(({ release }) => release?.endedAt !== undefined);
    expect(over.release).toMatchObject({ phase: 'rolledBack', ending: { bad: true, reason: 'alert Errors: too many errors' } });
    await view(({ quarantined }) => digest in quarantined);
    const after = await sandbox.cluster.get({ apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', namespace: 'pro', name: 'demo' });
    expect(after?.['spec']).toEqual(before?.['spec']);
    expect(after?.metadata.annotations).toBeUndefined();
    const { body } = await call('POST', '/api/rollouts/pro/demo/commands', { type: 'start', image, digest });
    expect(body).toMatchObject({ outcome: 'moved', said: expect.stringContaining('quarantined') as string });
  });
});
