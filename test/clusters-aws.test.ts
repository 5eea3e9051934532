import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../functions/config.ts';
import { outerPorts } from '../functions/ports.ts';
import { eksToken } from '../infra/cluster/kubernetes/eks.ts';
import type { Cluster } from '../infra/cluster/port.ts';
import type { ManualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import { environmentSecrets } from '../infra/secrets/environment.ts';
import { fakeApiServer, object, type ApiServer } from './fixtures/fake-api-server.ts';
import { fakeAws, region, type FakeAws } from './fixtures/fake-aws.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { throwAwayAuthority } from './fixtures/certificate.ts';
import { verifySigV4, type KeyOf, type Signer } from './fixtures/sigv4.ts';

const minute = 60_000;
const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'pro', name: 'demo' };
const endings: (() => Promise<unknown>)[] = [];
let clock: ManualClock;
let aws: FakeAws;
beforeEach(async () => {
  clock = heldClock();
  aws = await fakeAws(clock);
  endings.push(() => aws.close());
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** The cluster `main` of a configuration, as the functions get it. */
const connect = async (main: unknown, environment: Readonly<Record<string, string>> = aws.environment): Promise<Cluster> => {
  const ports = outerPorts(readConfig({ clusters: { main } }), environmentSecrets(clock, environment), clock, environment);
  const cluster = await ports.cluster('main');
  if (cluster === undefined) throw new Error('there is no cluster main');
  endings.push(() => cluster.close());
  return cluster;
};

const start = async (takes: (token: string) => boolean): Promise<ApiServer> => {
  const server = await fakeApiServer(takes);
  endings.push(() => server.close());
  return server;
};

const asked = (): readonly string[] => aws.asked.map(({ what }) => what);
const failure = (call: Promise<unknown>): Promise<unknown> => call.then(() => 'no failure', (error: unknown) => error);

interface Caller extends Signer {
  readonly url: URL;
}

/** Who stands behind a token, found out as EKS does it: the URL in it, sent to STS with the cluster's name. Throws with the reason. */
const callerOf = (token: string, cluster: string, keyOf: KeyOf): Caller => {
  const [, encoded = ''] = /^k8s-aws-v1\.([A-Za-z0-9_-]+)$/.exec(token) ?? [];
  const url = new URL(Buffer.from(encoded, 'base64url').toString('utf8'));
  const signer = verifySigV4({ method: 'GET', target: `${url.pathname}${url.search}`, headers: { host: url.host, 'x-k8s-aws-id': cluster }, body: '' }, keyOf);
  if (!signer.signedHeaders.includes('x-k8s-aws-id')) throw new Error('not signed for a cluster');
  if (signer.service !== 'sts' || url.searchParams.get('Action') !== 'GetCallerIdentity') throw new Error('not a question for the caller');
  return { ...signer, url };
};

/** Takes what EKS would: a token of this cluster, at most 15 minutes old, of somebody who may. */
const eksTakes = (cluster: string, may: (caller: Caller) => boolean = () => true) => (token: string): boolean => {
  try {
    const caller = callerOf(token, cluster, aws.keyOf);
    return clock.now() - caller.at < 15 * minute && may(caller);
  } catch {
    return false;
  }
};

const startEks = async (may?: (caller: Caller) => boolean): Promise<ApiServer> => {
  const server = await start(eksTakes('shop', may));
  aws.clusters.set('shop', { status: 'ACTIVE', endpoint: server.url, certificateAuthority: { data: Buffer.from(server.ca).toString('base64') } });
  return server;
};

describe('a token for EKS', () => {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', sessionToken: 'a/session+token==' };
  const keyOf: KeyOf = (id) => (id === credentials.accessKeyId ? credentials : undefined);

  test('is a question to STS who we are, signed for that cluster and for a minute', async () => {
    const token = await eksToken({ name: 'shop', region, credentials, environment: {}, at: clock.now() });
    const caller = callerOf(token, 'shop', keyOf);
    expect(caller).toMatchObject({ accessKeyId: 'AKIDEXAMPLE', region, signedHeaders: ['host', 'x-k8s-aws-id'], at: clock.now() });
    expect(caller.url.origin + caller.url.pathname).toBe('https://sts.eu-central-1.amazonaws.com/');
    expect([...caller.url.searchParams.keys()].sort()).toEqual(
      ['Action', 'Version', 'X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-Security-Token', 'X-Amz-Signature', 'X-Amz-SignedHeaders'],
    );
    expect(Object.fromEntries(caller.url.searchParams)).toMatchObject({ Action: 'GetCallerIdentity', Version: '2011-06-15', 'X-Amz-Expires': '60' });
    expect(() => callerOf(token, 'other', keyOf)).toThrow('does not fit');
  });

  test('asks the STS of the region, in China too', async () => {
    const token = await eksToken({ name: 'shop', region: 'cn-northwest-1', credentials, environment: {}, at: clock.now() });
    expect(callerOf(token, 'shop', keyOf).url.host).toBe('sts.cn-northwest-1.amazonaws.com.cn');
  });
});

describe('an EKS cluster', () => {
  const eks = { name: 'shop', region };

  test('is found and reached by the role of the function alone', async () => {
    const server = await startEks(({ accessKeyId }) => accessKeyId === 'AKIDFUNCTION');
    const cluster = await connect({ eks });
    expect(await Promise.all(Array.from({ length: 5 }, () => cluster.get(ref)))).toEqual(Array.from({ length: 5 }, () => object));
    await cluster.patch(ref, []);
    expect(server.answered).toEqual([...Array.from({ length: 5 }, () => 'GET 200'), 'PATCH 200']);
    expect(aws.asked).toMatchObject([{ what: 'DescribeCluster shop', service: 'eks', region, accessKeyId: 'AKIDFUNCTION' }]);
  });

  test('is shown one token for eight minutes, and never one that is near its end', async () => {
    const server = await startEks();
    const cluster = await connect({ eks });
    for (let passed = 0; passed < 60; passed += 2) {
      await cluster.get(ref);
      clock.advance(2 * minute);
    }
    expect(new Set(server.answered)).toEqual(new Set(['GET 200']));
    expect(new Set(server.tokens).size).toBe(60 / 8 + 0.5);
    expect(asked()).toEqual(['DescribeCluster shop']);
  });

  test('that refuses a token is shown a new one, once, and the write is made', async () => {
    let since = 0;
    const server = await startEks(({ at }) => at >= since);
    const cluster = await connect({ eks });
    await cluster.patch(ref, []);
    clock.advance(2 * minute);
    since = clock.now();
    await cluster.patch(ref, []);
    expect(server.answered).toEqual(['PATCH 200', 'PATCH 401', 'PATCH 200']);
    expect(asked()).toEqual(['DescribeCluster shop']);
  });

  test('that does not know us is not asked twice for one call', async () => {
    const server = await startEks(() => false);
    const cluster = await connect({ eks });
    expect(await failure(cluster.get(ref))).toMatchObject({ failure: 'forbidden', status: 401 });
    clock.advance(minute / 2);
    expect(await failure(cluster.get(ref))).toMatchObject({ failure: 'forbidden', status: 401 });
    expect(server.answered).toEqual(['GET 401', 'GET 401']);
  });

  test('is reached by a role that is assumed for it, and again before the session ends', async () => {
    const role = 'arn:aws:iam::123456789012:role/team/sluice';
    aws.roles.set(role, 62 * minute);
    const server = await startEks(({ accessKeyId }) => accessKeyId.startsWith('ASIASESSION'));
    const cluster = await connect({ eks: { ...eks, role } });
    for (let passed = 0; passed < 120; passed++) {
      await cluster.get(ref);
      clock.advance(minute);
    }
    expect(new Set(server.answered)).toEqual(new Set(['GET 200']));
    const signers = aws.asked.map(({ what, accessKeyId }) => `${what} by ${accessKeyId}`);
    expect(signers.slice(0, 2)).toEqual([`AssumeRole ${role} by AKIDFUNCTION`, 'DescribeCluster shop by ASIASESSION1']);
    expect(signers.slice(2)).toEqual([`AssumeRole ${role} by AKIDFUNCTION`, `AssumeRole ${role} by AKIDFUNCTION`]);
  });

  test('whose role may not be assumed says which', async () => {
    await startEks();
    const cluster = await connect({ eks: { ...eks, role: 'arn:aws:iam::123456789012:role/other' } });
    expect(await failure(cluster.get(ref))).toMatchObject({
      failure: 'unavailable',
      message: expect.stringContaining('role arn:aws:iam::123456789012:role/other could not be assumed: sts in eu-central-1 answered 403 AccessDenied: not authorized to perform: sts:AssumeRole'),
    });
  });

  test('that is not there, or not yet, is looked for again by the next call', async () => {
    const cluster = await connect({ eks });
    expect(await failure(cluster.get(ref))).toMatchObject({ failure: 'unavailable', message: expect.stringContaining('eks in eu-central-1 answered 404 ResourceNotFoundException: No cluster found for name: shop.') });
    aws.clusters.set('shop', { status: 'CREATING', certificateAuthority: {} });
    expect(await failure(cluster.get(ref))).toMatchObject({ failure: 'unavailable', message: expect.stringContaining('EKS cluster shop in eu-central-1: has no API server yet; its status is CREATING') });
    await startEks();
    expect(await cluster.get(ref)).toEqual(object);
  });

  test('needs credentials in the environment, and says so', async () => {
    const cluster = await connect({ eks }, {});
    expect(await failure(cluster.get(ref))).toMatchObject({ failure: 'unavailable', message: expect.stringContaining('there are no AWS credentials') });
  });

  test('whose certificate another authority signed is shown no token', async () => {
    const server = await startEks();
    aws.clusters.set('shop', { status: 'ACTIVE', endpoint: server.url, certificateAuthority: { data: Buffer.from(throwAwayAuthority().ca).toString('base64') } });
    const cluster = await connect({ eks });
    expect(await failure(cluster.get(ref))).toMatchObject({ failure: 'unavailable', message: expect.stringMatching(/certificate/) });
    expect(server.tokens).toEqual([]);
  });
});

describe('a cluster with the token of a service account', () => {
  let valid = 'first';
  beforeEach(() => {
    valid = 'first';
    aws.parameters.set('/sluice/main', 'first\n');
  });
  const startMain = (): Promise<ApiServer> => start((token) => token === valid);

  test('needs neither kubeconfig nor client: server, authority and token', async () => {
    const server = await startMain();
    aws.parameters.set('/sluice/ca', server.ca);
    for (const ca of [server.ca, 'ssm:/sluice/ca']) expect(await (await connect({ server: server.url, ca, token: 'ssm:/sluice/main' })).get(ref)).toEqual(object);
  });

  test('whose token was rotated is asked once more with the new one', async () => {
    const server = await startMain();
    const cluster = await connect({ server: server.url, ca: server.ca, token: 'ssm:/sluice/main' });
    await cluster.patch(ref, []);
    valid = 'second';
    aws.parameters.set('/sluice/main', 'second');
    clock.advance(11_000);
    await cluster.patch(ref, []);
    await cluster.patch(ref, []);
    expect(server.answered).toEqual(['PATCH 200', 'PATCH 401', 'PATCH 200', 'PATCH 200']);
    expect(asked()).toHaveLength(2);
  });

  test('and not, when the token is the same as before', async () => {
    const server = await startMain();
    const cluster = await connect({ server: server.url, ca: server.ca, token: 'ssm:/sluice/main' });
    valid = 'nobody knows';
    expect(await failure(cluster.patch(ref, []))).toMatchObject({ failure: 'forbidden', status: 401 });
    expect(server.answered).toEqual(['PATCH 401']);
  });

  test('is reached with the token from before while the secret cannot be read', async () => {
    const server = await startMain();
    const cluster = await connect({ server: server.url, ca: server.ca, token: 'ssm:/sluice/main' });
    await cluster.patch(ref, []);
    aws.parameters.clear();
    clock.advance(6 * minute);
    await cluster.patch(ref, []);
    expect(server.answered).toEqual(['PATCH 200', 'PATCH 200']);
    expect(asked()).toHaveLength(2);
  });

  test('may have it in a file, as Kubernetes renews it there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-token-'));
    endings.push(() => rm(folder, { recursive: true }));
    const file = join(folder, 'token');
    await writeFile(file, 'first');
    const server = await startMain();
    const cluster = await connect({ server: server.url, ca: server.ca, token: `file:${file}` });
    await cluster.get(ref);
    valid = 'second';
    await writeFile(file, 'second');
    await cluster.get(ref);
    expect(server.answered).toEqual(['GET 200', 'GET 200']);
  });
});

describe('a kubeconfig that is kept as a secret', () => {
  const kubeconfig = (server: ApiServer, user: object): string =>
    JSON.stringify({
      clusters: [{ name: 'main', cluster: { server: server.url, 'certificate-authority-data': Buffer.from(server.ca).toString('base64') } }],
      users: [{ name: 'me', user }],
      contexts: [{ name: 'main', context: { cluster: 'main', user: 'me' } }],
      'current-context': 'main',
    });

  test('is read, and read again when what is in it is refused', async () => {
    let valid = 'first';
    const server = await start((token) => token === valid);
    aws.secrets.set('sluice/kubeconfig', { SecretString: kubeconfig(server, { token: 'first' }) });
    const cluster = await connect({ kubeconfigFrom: 'secretsmanager:sluice/kubeconfig', context: 'main' });
    await cluster.patch(ref, []);
    valid = 'second';
    aws.secrets.set('sluice/kubeconfig', { SecretString: kubeconfig(server, { token: 'second' }) });
    clock.advance(11_000);
    await cluster.patch(ref, []);
    expect(server.answered).toEqual(['PATCH 200', 'PATCH 401', 'PATCH 200']);
  });

  test.each([
    ['exec', { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws', args: ['eks', 'get-token'] } }],
    ['auth-provider', { 'auth-provider': { name: 'gcp', config: { 'cmd-path': 'gcloud' } } }],
  ])('may start no program by %s, and EKS is reached otherwise', async (_, user) => {
    const server = await start(() => true);
    aws.secrets.set('sluice/kubeconfig', { SecretString: kubeconfig(server, user) });
    const cluster = await connect({ kubeconfigFrom: 'secretsmanager:sluice/kubeconfig' });
    expect(await failure(cluster.get(ref))).toMatchObject({
      failure: 'unavailable',
      message: expect.stringContaining('kubeconfig of secret secretsmanager:sluice/kubeconfig: user "me" gets its credentials from a program, and a stored kubeconfig may start none. For EKS configure eks: {name, region}'),
    });
    expect(server.answered).toEqual([]);
  });

  test('that is none is an error that does not show it', async () => {
    aws.secrets.set('sluice/kubeconfig', { SecretString: 'hunter2: [' });
    const said = String(await failure((await connect({ kubeconfigFrom: 'secretsmanager:sluice/kubeconfig' })).get(ref)));
    expect(said).toContain('kubeconfig of secret secretsmanager:sluice/kubeconfig cannot be loaded');
    expect(said).not.toContain('hunter2');
  });

  test('in a file, one whose program is missing points to what needs none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-kubeconfig-'));
    endings.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'config'), kubeconfig(await start(() => true), { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: join(folder, 'aws') } }));
    const cluster = await connect({ kubeconfig: join(folder, 'config') });
    expect(await failure(cluster.get(ref))).toMatchObject({ message: expect.stringContaining('for EKS there is eks: {name, region}, which needs no program') });
  });
});

describe('the configuration of a cluster', () => {
  const mistake = (main: unknown): string => {
    try {
      readConfig({ clusters: { main } });
      return 'none';
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each([
    [{}],
    [{ kubeconfig: '/etc/kubeconfig', context: 'main' }],
    [{ kubeconfigFrom: 'ssm:/kubeconfig' }],
    [{ server: 'https://10.0.0.1:6443', token: 'file:/run/token' }],
    [{ eks: { name: 'shop', region: 'us-gov-west-1', role: 'arn:aws-us-gov:iam::123456789012:role/sluice' } }],
  ])('may be %j', (main) => {
    expect(mistake(main)).toBe('none');
  });

  test.each([
    [{ eks: { name: 'shop' } }, 'eks.region: a region, like eu-central-1'],
    [{ eks: { name: 'shop', region: 'here' } }, 'eks.region: a region, like eu-central-1'],
    [{ eks: { name: 'shop', region: 'eu-central-1', role: 'sluice' } }, 'eks.role: the ARN of a role'],
    [{ eks: { name: 'shop', region: 'eu-central-1' }, kubeconfig: '/etc/kubeconfig' }, 'has kubeconfig and eks; allowed is one of kubeconfig, kubeconfigFrom, server, eks'],
    [{ server: 'http://10.0.0.1', token: 'ssm:/token' }, 'server: an https URL'],
    [{ server: 'https://10.0.0.1', token: 'hunter2' }, 'token: allowed is env:NAME'],
    [{ server: 'https://10.0.0.1', ca: 'hunter2', token: 'ssm:/token' }, 'ca: a certificate in PEM, or a secret that is one'],
    [{ kubeconfigFrom: '/etc/kubeconfig' }, 'kubeconfigFrom: allowed is env:NAME'],
    [{ kubconfig: '/etc/kubeconfig' }, 'Unrecognized key: "kubconfig"'],
    ['shop', 'expected object'],
  ])('may not be %j', (main, message) => {
    expect(mistake(main)).toContain('configuration: clusters.main');
    expect(mistake(main)).toContain(message);
    expect(mistake(main)).not.toContain('hunter2');
  });
});
