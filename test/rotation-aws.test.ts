import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHmac } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { readConfig } from '../functions/config.ts';
import { authenticateSource, gate, verifyBody } from '../functions/http/access.ts';
import type { ManualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import { environmentSecrets } from '../infra/secrets/environment.ts';
import { fakeAws, type FakeAws } from './fixtures/fake-aws.ts';
import { heldClock } from './fixtures/held-clock.ts';

let clock: ManualClock;
let aws: FakeAws;
beforeEach(async () => {
  clock = heldClock();
  aws = await fakeAws(clock);
  aws.parameters.set('/token', 'old');
});
afterEach(() => aws.close());

const config = readConfig({
  sources: {
    alerts: { kind: 'alertmanager', tokens: ['ssm:/token'] },
    signed: { kind: 'alertmanager', signature: { header: 'x-signature', algorithm: 'sha256', keys: ['ssm:/token'] } },
  },
  people: { ada: { tokens: ['ssm:/token'], role: 'operator' } },
});
const request = (headers: Readonly<Record<string, string>>): FastifyRequest => ({ headers, params: {} }) as unknown as FastifyRequest;
const body = Buffer.from('{}');

/** Lets in who brings this token, in each of the three ways. */
const admit = {
  source: (token: string) => authenticateSource(guarded(), 'alerts', request({ authorization: `Bearer ${token}` })),
  signature: async (token: string) => {
    const source = config.sources['signed'];
    if (source !== undefined) await verifyBody(guarded(), source, request({ 'x-signature': createHmac('sha256', token).update(body).digest('hex') }), body);
  },
  person: (token: string) => gate(guarded(), 'operator').onRequest(request({ authorization: `Bearer ${token}` })),
};
let secrets: ReturnType<typeof environmentSecrets> | undefined;
const guarded = () => ({ config, secrets: (secrets ??= environmentSecrets(clock, aws.environment)), ports: { clock } });
afterEach(() => (secrets = undefined));

test.each(['source', 'signature', 'person'] as const)('a %s with a token that was rotated a moment ago is let in, and wrong ones cost one call in ten seconds', async (who) => {
  await admit[who]('old');
  aws.parameters.set('/token', 'new');
  clock.advance(10_001);
  await admit[who]('old');
  expect(aws.asked).toHaveLength(1);
  await admit[who]('new');
  expect(aws.asked).toHaveLength(2);
  for (let wrong = 0; wrong < 5; wrong++) await expect(admit[who]('wrong')).rejects.toMatchObject({ status: 401 });
  await expect(admit[who]('old')).rejects.toMatchObject({ status: 401 });
  expect(aws.asked).toHaveLength(2);
});
