import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readConfig } from '../functions/config.ts';
import { awsEndpoint } from '../infra/aws/endpoint.ts';
import type { ManualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import type { OutboundRequest } from '../infra/outbound/port.ts';
import { awsSecrets } from '../infra/secrets/aws.ts';
import { environmentSecrets } from '../infra/secrets/environment.ts';
import { localSecrets } from '../infra/secrets/local.ts';
import { afterRefusal, type Secrets } from '../infra/secrets/port.ts';
import { secretRefSchema } from '../infra/secrets/reference.ts';
import { fakeAws, region, type FakeAws } from './fixtures/fake-aws.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { verifySigV4 } from './fixtures/sigv4.ts';

let clock: ManualClock;
let aws: FakeAws;
let secrets: Secrets;
beforeEach(async () => {
  clock = heldClock();
  aws = await fakeAws(clock);
  secrets = awsSecrets({ region, environment: { ...aws.environment, LOCAL: 'of the process' }, clock });
  aws.parameters.set('/sluice/token', 's3cret');
});
afterEach(() => aws.close());

const asked = (): readonly string[] => aws.asked.map(({ what }) => what);
const failure = (reading: Promise<string>): Promise<string> => reading.then((value) => `no failure but ${value}`, (error: Error) => error.message);
const throttled = { status: 400, body: '{"__type":"ThrottlingException","message":"Rate exceeded"}' };

/** Lets the pause before a repetition pass, once there is one. */
const passPause = async (): Promise<void> => {
  await vi.waitFor(() => expect(clock.waiting()).toBe(1), { interval: 2 });
  clock.advance(400);
};

describe('the verifier of these tests', () => {
  const keyOf = () => ({ secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' });
  const get = (target: string, scope: string, signedHeaders: string, signature: string, headers: Readonly<Record<string, string>>) => ({
    method: 'GET',
    target,
    body: '',
    headers: { 'x-amz-date': '20150830T123600Z', authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/${scope}/aws4_request, SignedHeaders=${signedHeaders}, Signature=${signature}`, ...headers },
  });
  const vanilla = get('/', 'service', 'host;x-amz-date', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31', { host: 'example.amazonaws.com' });
  const listUsers = get('/?Action=ListUsers&Version=2010-05-08', 'iam', 'content-type;host;x-amz-date', '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7', {
    host: 'iam.amazonaws.com',
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
  });

  test('takes the signatures that AWS published, and nothing that differs from them', () => {
    expect(verifySigV4(vanilla, keyOf)).toMatchObject({ accessKeyId: 'AKIDEXAMPLE', service: 'service', at: Date.UTC(2015, 7, 30, 12, 36) });
    expect(verifySigV4(listUsers, keyOf)).toMatchObject({ service: 'iam', region: 'us-east-1' });
    expect(() => verifySigV4({ ...listUsers, target: '/?Action=ListUsers&Version=2010-05-09' }, keyOf)).toThrow('does not fit');
    expect(() => verifySigV4({ ...vanilla, body: 'x' }, keyOf)).toThrow('does not fit');
    expect(() => verifySigV4({ ...vanilla, headers: { ...vanilla.headers, 'x-amz-target': 'x' } }, keyOf)).toThrow('not signed: x-amz-target');
  });
});

describe('a secret is read', () => {
  test('from Parameter Store, decrypted, by a signed call', async () => {
    expect(await secrets.read('ssm:/sluice/token')).toBe('s3cret');
    expect(aws.asked).toMatchObject([{ what: 'GetParameter /sluice/token', service: 'ssm', region, accessKeyId: 'AKIDFUNCTION' }]);
  });

  test('from Secrets Manager, whole or one text of its JSON, the keys of one secret by one call', async () => {
    aws.secrets.set('sluice/registry', { SecretString: '{"username":"sluice","password":"s3cret"}' });
    expect(await Promise.all([secrets.read('secretsmanager:sluice/registry#username'), secrets.read('secretsmanager:sluice/registry#password')])).toEqual(['sluice', 's3cret']);
    expect(await secrets.read('secretsmanager:sluice/registry')).toBe('{"username":"sluice","password":"s3cret"}');
    expect(asked()).toEqual(['GetSecretValue sluice/registry']);
  });

  test('in the region that its ARN names', async () => {
    const arn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:sluice/token-a1B2c3';
    aws.secrets.set(arn, { SecretString: 'far away' });
    expect(await secrets.read(`secretsmanager:${arn}`)).toBe('far away');
    expect(aws.asked).toMatchObject([{ service: 'secretsmanager', region: 'us-east-1' }]);
  });

  test('from the process itself without a call, as before', async () => {
    expect(await secrets.read('env:LOCAL')).toBe('of the process');
    expect(asked()).toEqual([]);
  });
});

describe('what was read', () => {
  test('is remembered for five minutes and not longer', async () => {
    await secrets.read('ssm:/sluice/token');
    aws.parameters.set('/sluice/token', 'rotated');
    clock.advance(300_000);
    expect(await secrets.read('ssm:/sluice/token')).toBe('s3cret');
    expect(asked()).toHaveLength(1);
    clock.advance(1);
    expect(await secrets.read('ssm:/sluice/token')).toBe('rotated');
    expect(asked()).toHaveLength(2);
  });

  test('is read again after a refusal, but at most every ten seconds', async () => {
    await secrets.read('ssm:/sluice/token');
    aws.parameters.set('/sluice/token', 'rotated');
    clock.advance(10_000);
    for (let wrong = 0; wrong < 5; wrong++) expect(await secrets.read('ssm:/sluice/token', afterRefusal)).toBe('s3cret');
    expect(asked()).toHaveLength(1);
    clock.advance(1);
    for (let wrong = 0; wrong < 5; wrong++) expect(await secrets.read('ssm:/sluice/token', afterRefusal)).toBe('rotated');
    expect(await secrets.read('ssm:/sluice/token')).toBe('rotated');
    expect(asked()).toHaveLength(2);
  });

  test('serves everybody who asks at the same time by one call', async () => {
    const values = await Promise.all(Array.from({ length: 20 }, () => secrets.read('ssm:/sluice/token')));
    expect(new Set(values)).toEqual(new Set(['s3cret']));
    expect(asked()).toHaveLength(1);
  });

  test('stays known when a look for something newer fails', async () => {
    await secrets.read('ssm:/sluice/token');
    clock.advance(20_000);
    aws.failures.push(throttled, throttled);
    const looking = failure(secrets.read('ssm:/sluice/token', afterRefusal));
    await passPause();
    expect(await looking).toContain('ThrottlingException');
    expect(await secrets.read('ssm:/sluice/token')).toBe('s3cret');
  });
});

describe('when AWS does not answer as it should', () => {
  test.each([
    ['throttles', throttled],
    ['throttles by status', { status: 429, body: '' }],
    ['fails', { status: 500, body: '{"__type":"InternalServerError"}' }],
    ['is not there', { status: 503, body: '<html>' }],
  ])('it is asked once more after a pause: it %s', async (_, once) => {
    aws.failures.push(once);
    const reading = secrets.read('ssm:/sluice/token');
    await passPause();
    expect(await reading).toBe('s3cret');
    expect(asked()).toHaveLength(2);
  });

  test('a second failure is told with the reference, and for a second everybody is told the same', async () => {
    aws.failures.push(throttled, throttled);
    const reading = failure(secrets.read('ssm:/sluice/token'));
    await passPause();
    expect(await reading).toBe('secret ssm:/sluice/token: ssm in eu-central-1 answered 400 ThrottlingException: Rate exceeded');
    expect(await failure(secrets.read('ssm:/sluice/token'))).toContain('ThrottlingException');
    expect(asked()).toHaveLength(2);
    clock.advance(1_000);
    expect(await secrets.read('ssm:/sluice/token')).toBe('s3cret');
  });

  test('a refusal is not repeated', async () => {
    expect(await failure(secrets.read('ssm:/sluice/other'))).toBe('secret ssm:/sluice/other: ssm in eu-central-1 answered 400 ParameterNotFound');
    expect(await failure(secrets.read('secretsmanager:other'))).toBe("secret secretsmanager:other: secretsmanager in eu-central-1 answered 400 ResourceNotFoundException: Secrets Manager can't find the specified secret.");
    expect(asked()).toHaveLength(2);
  });

  test('wrong credentials are refused by it', async () => {
    const wrong = awsSecrets({ region, environment: { ...aws.environment, AWS_SECRET_ACCESS_KEY: 'other' }, clock });
    expect(await failure(wrong.read('ssm:/sluice/token'))).toBe('secret ssm:/sluice/token: ssm in eu-central-1 answered 403 InvalidSignatureException: the signature does not fit');
  });

  test('each attempt has a deadline, and no answer twice is an error', async () => {
    const sent: OutboundRequest[] = [];
    const deaf = awsSecrets({ region, environment: aws.environment, clock, send: (request) => (sent.push(request), Promise.resolve({ outcome: 'failed', reason: 'did not answer' })) });
    const reading = failure(deaf.read('ssm:/sluice/token'));
    await passPause();
    expect(await reading).toBe('secret ssm:/sluice/token: ssm in eu-central-1 gave no answer: did not answer');
    expect(sent.map(({ timeoutMs }) => timeoutMs)).toEqual([3_000, 3_000]);
  });
});

describe('what cannot be used is said without showing it', () => {
  test.each([
    ['secretsmanager:text#key', { SecretString: 'hunter2' }, 'is no JSON object, so it has no key'],
    ['secretsmanager:list#key', { SecretString: '["hunter2"]' }, 'is no JSON object'],
    ['secretsmanager:other#key', { SecretString: '{"hunter2":"hunter2"}' }, 'its JSON object has no key key'],
    ['secretsmanager:inherited#constructor', { SecretString: '{"hunter2":"hunter2"}' }, 'has no key constructor'],
    ['secretsmanager:number#key', { SecretString: '{"key":5432,"other":"hunter2"}' }, 'key key holds a number, allowed is a text'],
    ['secretsmanager:empty#key', { SecretString: '{"key":""}' }, 'is empty'],
    ['secretsmanager:bytes', { SecretBinary: 'aHVudGVyMg==' }, 'holds bytes, allowed is a text'],
  ])('%s', async (ref, value, message) => {
    aws.secrets.set(ref.slice('secretsmanager:'.length).replace(/#.*/, ''), value);
    const said = await failure(secrets.read(ref));
    expect(said).toContain(`secret ${ref}: `);
    expect(said).toContain(message);
    expect(said).not.toMatch(/hunter2|aHVudGVyMg|5432/);
  });
});

describe('a reference to a secret of AWS', () => {
  const arn = 'arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:sluice/token-a1B2c3';
  test.each(['ssm:/token', 'ssm:/sluice/prod/token_1.x-y', 'secretsmanager:token', 'secretsmanager:sluice/prod@1#a.b-c_d', `secretsmanager:${arn}`, `secretsmanager:${arn}#token`])('may be %s', (ref) => {
    expect(secretRefSchema.safeParse(ref).success).toBe(true);
  });

  test.each(['ssm:token', 'ssm:/', 'ssm:/a//b', 'ssm:/a b', 'ssm:/a\n', `ssm:/${'a'.repeat(1_011)}`, 'secretsmanager:', 'secretsmanager:a#', 'secretsmanager:a#b#c', 'secretsmanager:a b', 'secretsmanager:arn:aws:s3:::bucket', 'vault:/a'])(
    'may not be %j',
    (ref) => {
      expect(secretRefSchema.safeParse(ref).error?.issues[0]?.message).toContain('and on AWS ssm:/path/name or secretsmanager:NAME-or-ARN#json-key');
    },
  );

  test('is taken wherever the configuration names a secret', () => {
    const ref = 'ssm:/sluice/token';
    const config = readConfig({
      sources: { registry: { kind: 'distribution', tokens: [ref], signature: { header: 'x-signature', algorithm: 'sha256', keys: [ref] } } },
      people: { ada: { tokens: [ref], role: 'operator' } },
      registries: { 'registry.example.com': { username: 'secretsmanager:registry#username', password: 'secretsmanager:registry#password' } },
      metrics: { prometheus: { kind: 'prometheus', url: 'https://prometheus.example.com', auth: { token: ref } } },
    });
    expect(config.people['ada']?.tokens).toEqual([ref]);
  });
});

describe('whether a process has the secrets of AWS', () => {
  test('is decided by region and credentials in its environment', async () => {
    expect(await environmentSecrets(clock, aws.environment).read('ssm:/sluice/token')).toBe('s3cret');
    for (const name of ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
      expect(await failure(environmentSecrets(clock, { ...aws.environment, [name]: '' }).read('ssm:/sluice/token'))).toContain('this process has no AWS secrets');
    }
  });

  test('and one that has none says so', async () => {
    expect(await failure(localSecrets({}).read('secretsmanager:token#key'))).toBe(
      'secret secretsmanager:token#key: this process has no AWS secrets; AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not all in its environment',
    );
  });
});

describe('the services are found', () => {
  test.each([
    ['ssm', 'eu-central-1', 'https://ssm.eu-central-1.amazonaws.com'],
    ['sts', 'cn-north-1', 'https://sts.cn-north-1.amazonaws.com.cn'],
    ['eks', 'us-gov-west-1', 'https://eks.us-gov-west-1.amazonaws.com'],
    ['secretsmanager', 'ap-southeast-1', 'https://secretsmanager.ap-southeast-1.amazonaws.com'],
  ] as const)('%s in %s', (service, where, url) => {
    expect(awsEndpoint(service, where, {})).toBe(url);
  });

  test('elsewhere by the variables of the SDKs, the one of the service first', () => {
    const environment = { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566/', AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:4567' };
    expect(awsEndpoint('ssm', region, environment)).toBe('http://127.0.0.1:4566');
    expect(awsEndpoint('secretsmanager', region, environment)).toBe('http://127.0.0.1:4567');
  });
});
