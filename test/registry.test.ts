import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../infra/clock.ts';
import type { Outbound, OutboundRequest } from '../infra/outbound/port.ts';
import { httpOutbound } from '../infra/outbound/http.ts';
import { registryAddress } from '../infra/registry/address.ts';
import { parseChallenge } from '../infra/registry/challenge.ts';
import { httpRegistry, type HttpRegistryOptions } from '../infra/registry/http.ts';
import type { Registry } from '../infra/registry/port.ts';
import { localSecrets } from '../infra/secrets/local.ts';

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const body = '{"schemaVersion":2}';
const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

/** What a fake registry does; the defaults are those of a Distribution registry that lets everybody read `team/demo:1.0`. */
interface Manners {
  readonly auth?: 'basic' | 'token';
  readonly head?: number;
  readonly status?: number;
  readonly mediaType?: string;
  readonly claims?: string | null;
  readonly realm?: string;
  readonly token?: Record<string, unknown>;
  readonly password?: string;
}

interface Fake {
  readonly host: string;
  readonly log: readonly string[];
  readonly seen: readonly IncomingMessage[];
}

const basicOf = (password: string): string => `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`;

const fakeRegistry = async (manners: Manners = {}): Promise<Fake> => {
  const log: string[] = [];
  const seen: IncomingMessage[] = [];
  let issued = 0;
  const valid = new Set<string>();
  const { mediaType = ociManifest, claims = digest, password } = manners;

  const token = (request: IncomingMessage, response: ServerResponse): void => {
    if (password !== undefined && request.headers.authorization !== basicOf(password)) return void response.writeHead(401).end();
    issued += 1;
    valid.clear();
    valid.add(`Bearer t${issued}`);
    response.end(JSON.stringify({ token: `t${issued}`, ...manners.token }));
  };
  const challenge = (host: string): string =>
    manners.auth === 'basic'
      ? 'Basic realm="registry"'
      : `Bearer realm="${manners.realm ?? `http://${host}/token`}",service="reg.example",scope="repository:team/demo:pull"`;
  const mayRead = ({ headers }: IncomingMessage): boolean =>
    manners.auth === undefined ||
    (manners.auth === 'basic' ? headers.authorization === basicOf(password ?? '') : valid.has(headers.authorization ?? ''));

  const server = createServer((request, response) => {
    log.push(`${request.method} ${request.url}`);
    seen.push(request);
    const path = request.url ?? '';
    if (path.startsWith('/token')) return token(request, response);
    if (!mayRead(request)) return void response.writeHead(401, { 'www-authenticate': challenge(request.headers.host ?? '') }).end();
    if (request.method === 'HEAD' && manners.head !== undefined) return void response.writeHead(manners.head).end();
    if (manners.status !== undefined) return void response.writeHead(manners.status, { location: 'http://169.254.169.254/' }).end();
    if (![`/v2/team/demo/manifests/1.0`, `/v2/team/demo/manifests/${digest}`].includes(path)) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': mediaType, ...(claims === null ? {} : { 'docker-content-digest': claims }) });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, log, seen };
};

const robot = { username: 'env:USER_NAME', password: 'env:PASSWORD' };
const registry = (over: Partial<HttpRegistryOptions> = {}, password = 's3cret'): Registry =>
  httpRegistry({
    send: httpOutbound(),
    secrets: localSecrets({ USER_NAME: 'robot', PASSWORD: password }),
    allow: { loopback: true },
    ...over,
  });
const found = { outcome: 'found', digest, mediaType: ociManifest };

describe('an image in an open registry', () => {
  it('is resolved by one HEAD that names all kinds of images', async () => {
    const fake = await fakeRegistry();
    expect(await registry().resolve(`${fake.host}/team/demo`, '1.0')).toEqual(found);
    expect(fake.log).toEqual(['HEAD /v2/team/demo/manifests/1.0']);
    expect(fake.seen[0]?.headers.accept?.split(', ')).toEqual([
      ociIndex,
      ociManifest,
      'application/vnd.docker.distribution.manifest.list.v2+json',
      'application/vnd.docker.distribution.manifest.v2+json',
    ]);
    expect(fake.seen[0]?.headers.authorization).toBeUndefined();
  });

  it('stays an index when it is one', async () => {
    const fake = await fakeRegistry({ mediaType: `${ociIndex}; charset=utf-8` });
    expect(await registry().resolve(`${fake.host}/team/demo`, '1.0')).toEqual({ ...found, mediaType: ociIndex });
  });

  it('is resolved by digest as well', async () => {
    const fake = await fakeRegistry();
    expect(await registry().resolve(`${fake.host}/team/demo`, digest)).toEqual(found);
  });

  it.each([
    ['is not served', { head: 405 }],
    ['names no digest', { claims: null }],
    ['names a digest that is none', { claims: 'latest' }],
  ])('is read and hashed when HEAD %s', async (_, manners) => {
    const fake = await fakeRegistry(manners);
    expect(await registry().resolve(`${fake.host}/team/demo`, '1.0')).toEqual(found);
    expect(fake.log.map((line) => line.split(' ')[0])).toEqual(['HEAD', 'GET']);
  });

  it('is unknown when the registry has no such tag, repository or kind', async () => {
    const fake = await fakeRegistry();
    const image = `${fake.host}/team/demo`;
    expect(await registry().resolve(image, '2.0')).toEqual({ outcome: 'unknown', reason: `${image}: the registry has no 2.0` });
    expect((await registry().resolve(`${fake.host}/other`, '1.0')).outcome).toBe('unknown');
    const old = await fakeRegistry({ mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws' });
    expect(await registry().resolve(`${old.host}/team/demo`, '1.0')).toMatchObject({ outcome: 'unknown', reason: expect.stringContaining('prettyjws') });
  });

  it.each([
    ['demo', '1.0'],
    ['reg.example/../admin', '1.0'],
    ['reg.example/Team/demo', '1.0'],
    ['reg.example@evil.example/demo', '1.0'],
    ['reg.example/team/demo', '../../x'],
    ['reg.example/team/demo', 'sha256:12'],
    ['reg.example/team/demo', ''],
  ])('named %j with reference %j is unknown without asking anybody', async (image, reference) => {
    let asked = 0;
    const send: Outbound = async () => {
      asked += 1;
      return { outcome: 'failed', reason: '' };
    };
    expect((await registry({ send }).resolve(image, reference)).outcome).toBe('unknown');
    expect(asked).toBe(0);
  });

  it.each([[429], [500], [503], [307]])('is unavailable when the registry answers %i', async (status) => {
    const fake = await fakeRegistry({ status });
    expect(await registry().resolve(`${fake.host}/team/demo`, '1.0')).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining(`answered ${status}`) });
  });

  it('is unavailable when the bytes are not what the digest says', async () => {
    const other = `sha256:${'0'.repeat(64)}`;
    const lying = await fakeRegistry({ head: 405, claims: other });
    expect(await registry().resolve(`${lying.host}/team/demo`, '1.0')).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining('not what its digest says') });
    const swapped = await fakeRegistry({ claims: other });
    expect(await registry().resolve(`${swapped.host}/team/demo`, digest)).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining(`sent ${other}`) });
  });

  it('is unavailable when nobody listens, and when the registry does not answer in time', async () => {
    const fake = await fakeRegistry();
    await new Promise((done) => servers.pop()?.close(done));
    expect((await registry().resolve(`${fake.host}/team/demo`, '1.0')).outcome).toBe('unavailable');
    const send: Outbound = ({ signal }) =>
      new Promise((resolve) => signal?.addEventListener('abort', () => resolve({ outcome: 'failed', reason: 'given up' })));
    expect(await registry({ send, timeoutMs: 20 }).resolve('reg.example/demo', '1.0')).toEqual({
      outcome: 'unavailable',
      reason: 'reg.example: did not answer within 20 ms',
    });
    const stopped = AbortSignal.timeout(20);
    expect(await registry({ send }).resolve('reg.example/demo', '1.0', stopped)).toEqual({ outcome: 'unavailable', reason: 'given up' });
  });

  it('is refused when its host may not be called', async () => {
    const fake = await fakeRegistry();
    expect((await registry({ allow: {} }).resolve(`${fake.host}/team/demo`, '1.0')).outcome).toBe('refused');
    expect((await registry({ insecure: ['169.254.169.254'] }).resolve('169.254.169.254/demo', '1.0')).outcome).toBe('refused');
    expect(fake.log).toEqual([]);
  });
});

describe('a registry that asks for a user and password', () => {
  it('gets them from the secrets, and only after it asked', async () => {
    const fake = await fakeRegistry({ auth: 'basic', password: 's3cret' });
    expect(await registry({ credentials: { [fake.host]: robot } }).resolve(`${fake.host}/team/demo`, '1.0')).toEqual(found);
    expect(fake.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, basicOf('s3cret')]);
  });

  it('refuses wrong ones, and none', async () => {
    const fake = await fakeRegistry({ auth: 'basic', password: 's3cret' });
    const resolve = (over: Partial<HttpRegistryOptions>, password: string) => registry(over, password).resolve(`${fake.host}/team/demo`, '1.0');
    const wrong = await resolve({ credentials: { [fake.host]: robot } }, 'hunter2');
    expect(wrong).toEqual({ outcome: 'refused', reason: `${fake.host}: does not accept our credentials for team/demo (401)` });
    expect(await resolve({}, 's3cret')).toEqual({ outcome: 'refused', reason: `${fake.host}: asks for a user and password, none is configured (401)` });
    expect(await resolve({ credentials: { 'other.example': robot } }, 's3cret')).toMatchObject({ outcome: 'refused' });
  });

  it('is refused when the secret is not there', async () => {
    const fake = await fakeRegistry({ auth: 'basic', password: 's3cret' });
    const credentials = { [fake.host]: { username: 'env:USER_NAME', password: 'env:NONE' } };
    const reason = `${fake.host}: secret env:NONE: there is no environment variable NONE`;
    expect(await registry({ credentials }).resolve(`${fake.host}/team/demo`, '1.0')).toEqual({ outcome: 'refused', reason });
  });

  it('that forbids the repository is believed', async () => {
    const fake = await fakeRegistry({ status: 403 });
    expect(await registry().resolve(`${fake.host}/team/demo`, '1.0')).toEqual({ outcome: 'refused', reason: `${fake.host}: forbids reading team/demo (403)` });
  });
});

describe('a registry that asks for a token', () => {
  const tokenPath = '/token?service=reg.example&scope=repository%3Ateam%2Fdemo%3Apull';

  it('is given one that its token server issued, anonymously too', async () => {
    const fake = await fakeRegistry({ auth: 'token' });
    expect(await registry().resolve(`${fake.host}/team/demo`, '1.0')).toEqual(found);
    expect(fake.log).toEqual(['HEAD /v2/team/demo/manifests/1.0', `GET ${tokenPath}`, 'HEAD /v2/team/demo/manifests/1.0']);
    expect(fake.seen[2]?.headers.authorization).toBe('Bearer t1');
  });

  it('has its token server given our credentials, and itself only the token', async () => {
    const fake = await fakeRegistry({ auth: 'token', password: 's3cret' });
    expect(await registry({ credentials: { [fake.host]: robot } }).resolve(`${fake.host}/team/demo`, '1.0')).toEqual(found);
    expect(fake.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, basicOf('s3cret'), 'Bearer t1']);
  });

  it('is refused when the token server gives none', async () => {
    const fake = await fakeRegistry({ auth: 'token', password: 's3cret' });
    const wrong = await registry({ credentials: { [fake.host]: robot } }, 'hunter2').resolve(`${fake.host}/team/demo`, '1.0');
    expect(wrong).toEqual({ outcome: 'refused', reason: `http://${fake.host} gave no token for team/demo (401)` });
  });

  it('is asked with the same token until shortly before that expires', async () => {
    const fake = await fakeRegistry({ auth: 'token', token: { expires_in: 300 } });
    let now = 1_000_000;
    const ours = registry({ clock: { ...systemClock, now: () => now } });
    const requests = async (): Promise<number> => {
      const before = fake.log.length;
      expect(await ours.resolve(`${fake.host}/team/demo`, '1.0')).toEqual(found);
      return fake.log.length - before;
    };
    expect(await requests()).toBe(3);
    now += 294_999;
    expect(await requests()).toBe(1);
    now += 1;
    expect(await requests()).toBe(3);
  });

  it.each([[undefined], ['soon'], [-1], [1e12]])('is believed to mean 60 s when it says %j', async (expires_in) => {
    const fake = await fakeRegistry({ auth: 'token', token: { expires_in } });
    let now = 1_000_000;
    const ours = registry({ clock: { ...systemClock, now: () => now } });
    await ours.resolve(`${fake.host}/team/demo`, '1.0');
    now += 54_999;
    await ours.resolve(`${fake.host}/team/demo`, '1.0');
    expect(fake.log).toHaveLength(4);
    now += 1;
    await ours.resolve(`${fake.host}/team/demo`, '1.0');
    expect(fake.log).toHaveLength(7);
  });

  it('is asked with a new token when it no longer takes the old one', async () => {
    const fake = await fakeRegistry({ auth: 'token', token: { expires_in: 300 } });
    const ours = registry();
    await ours.resolve(`${fake.host}/team/demo`, '1.0');
    await registry().resolve(`${fake.host}/team/demo`, '1.0');
    expect(await ours.resolve(`${fake.host}/team/demo`, '1.0')).toEqual(found);
    expect(fake.seen.at(-1)?.headers.authorization).toBe('Bearer t3');
  });

  it('may call the token access_token', async () => {
    const fake = await fakeRegistry({ auth: 'token', token: { token: undefined, access_token: 't1' } });
    expect(await registry().resolve(`${fake.host}/team/demo`, '1.0')).toEqual(found);
  });

  it.each([
    ['http://169.254.169.254/latest/meta-data', 'allowed is https'],
    ['https://169.254.169.254/latest/meta-data', 'a link-local, metadata'],
    ['https://metadata.google.internal/token', 'is a metadata service'],
    ['http://auth.example/token', 'allowed is https'],
    ['nowhere', 'a token realm that is no URL'],
    ['file:///etc/passwd', 'allowed is https'],
  ])('cannot make us call %s with our credentials', async (realm, reason) => {
    const fake = await fakeRegistry({ auth: 'token', realm });
    const called: string[] = [];
    const send: Outbound = (request: OutboundRequest) => {
      called.push(new URL(request.url).origin);
      return httpOutbound(async () => [])(request);
    };
    const result = await registry({ send, credentials: { [fake.host]: robot } }).resolve(`${fake.host}/team/demo`, '1.0');
    expect(result).toMatchObject({ outcome: 'refused', reason: expect.stringContaining(reason) });
    expect(fake.log).toHaveLength(1);
    expect(called).not.toContain('http://169.254.169.254');
  });
});

describe('names', () => {
  it.each([
    ['docker.io/nginx', { host: 'docker.io', origin: 'https://registry-1.docker.io', repository: 'library/nginx' }],
    ['docker.io/team/demo', { host: 'docker.io', origin: 'https://registry-1.docker.io', repository: 'team/demo' }],
    ['Registry.example.com:5000/a/b/c', { host: 'registry.example.com:5000', origin: 'https://registry.example.com:5000', repository: 'a/b/c' }],
    ['localhost:5000/demo', { host: 'localhost:5000', origin: 'http://localhost:5000', repository: 'demo' }],
    ['127.0.0.1/demo', { host: '127.0.0.1', origin: 'http://127.0.0.1', repository: 'demo' }],
    ['[::1]:5000/demo', { host: '[::1]:5000', origin: 'http://[::1]:5000', repository: 'demo' }],
    ['localhost.evil.example/demo', { host: 'localhost.evil.example', origin: 'https://localhost.evil.example', repository: 'demo' }],
    ['old.example/demo', { host: 'old.example', origin: 'http://old.example', repository: 'demo' }],
  ])('%s is asked for at the right place', (image, address) => {
    expect(registryAddress(image, new Set(['old.example']))).toEqual(address);
  });
});

describe('challenges', () => {
  it.each([
    ['Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"', { scheme: 'bearer', realm: 'https://a/t', service: 's', scope: 'repository:x:pull,push' }],
    ['bearer REALM=https://a/t , service=s', { scheme: 'bearer', realm: 'https://a/t', service: 's' }],
    ['Basic realm="r", Bearer realm="https://a/t"', { scheme: 'bearer', realm: 'https://a/t' }],
    ['Bearer realm="say \\"hi\\""', { scheme: 'bearer', realm: 'say "hi"' }],
    ['Basic realm="r"', { scheme: 'basic' }],
    ['Bearer service="s"', undefined],
    ['Negotiate', undefined],
    ['', undefined],
  ])('%j is read', (header, challenge) => {
    expect(parseChallenge(header)).toEqual(challenge);
  });
});
