import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { connectClusters } from '../../infra/cluster/kubernetes/clusters.ts';
import { openAccess } from '../../infra/cluster/kubernetes/access.ts';
import { connectKubernetes, type KubernetesOptions } from '../../infra/cluster/kubernetes.ts';
import type { Cluster } from '../../infra/cluster/port.ts';
import { systemClock } from '../../infra/clock.ts';

// What a healthy API server cannot be made to answer: these run against a server of the tests' own.

const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'demo' };
const demo = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'shop', name: 'demo' } };
const token = 'a-token-nobody-may-see';
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

const kubeconfig = (port: number, user: object = { token }, insecure = true): string =>
  JSON.stringify({
    clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': insecure } }],
    users: [{ name: 'me', user }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'me' } }],
    'current-context': 'fake',
  });

const connect = async (port: number, options: Partial<KubernetesOptions> = {}): Promise<Cluster> => {
  const cluster = await connectKubernetes({ name: 'fake', kubeconfig: { inline: kubeconfig(port) }, ...options });
  endings.push(() => cluster.close());
  return cluster;
};

const serve = async (handler: http.RequestListener): Promise<number> => {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
};

const answering = (status: number, headers: http.OutgoingHttpHeaders = {}, body: unknown = { kind: 'Status', message: 'so it is', code: status }) =>
  serve((_, response) => response.writeHead(status, headers).end(JSON.stringify(body)));

describe('statuses become the failures the port names', () => {
  const patch = (cluster: Cluster) => cluster.patch(ref, []);
  const create = (cluster: Cluster) => cluster.create(demo);
  const list = (cluster: Cluster) => cluster.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop' });
  test.each([
    [400, patch, 'invalid'],
    [401, patch, 'forbidden'],
    [403, patch, 'forbidden'],
    [404, patch, 'absent'],
    [409, patch, 'conflict'],
    [409, create, 'exists'],
    [410, list, 'unavailable'],
    [413, patch, 'invalid'],
    [422, patch, 'invalid'],
    [429, patch, 'unavailable'],
    [500, patch, 'unavailable'],
    [503, patch, 'unavailable'],
    [504, patch, 'unavailable'],
  ])('%d on %o is %s', async (status, call, failure) => {
    const cluster = await connect(await answering(status));
    await expect(call(cluster)).rejects.toMatchObject({ name: 'ClusterError', failure, status, message: expect.stringMatching(/cluster fake: .* ConfigMap shop.*so it is/) });
  });

  test('and a get of what is not there finds nothing', async () => {
    const cluster = await connect(await answering(404));
    await expect(cluster.get(ref)).resolves.toBeUndefined();
  });

  test('an answer that is not JSON is not the API server\'s', async () => {
    const cluster = await connect(await serve((_, response) => response.end('<html>')));
    await expect(cluster.get(ref)).rejects.toMatchObject({ failure: 'unavailable' });
  });
});

describe('Retry-After', () => {
  test.each([
    ['seconds', { 'retry-after': '3' }, 3000],
    ['a date', { date: 'Sat, 21 Nov 2026 08:00:00 GMT', 'retry-after': 'Sat, 21 Nov 2026 08:00:05 GMT' }, 5000],
    ['nothing', {}, undefined],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
  ])('as %s', async (_, headers, retryAfterMs) => {
    const cluster = await connect(await answering(429, headers));
    const failure: unknown = await cluster.patch(ref, []).catch((error: unknown) => error);
    expect(failure).toHaveProperty('retryAfterMs', retryAfterMs);
  });
});

describe('a call ends in time', () => {
  test('by the deadline when no answer comes', async () => {
    const cluster = await connect(await serve(() => undefined), { deadlineMs: 50 });
    await expect(cluster.patch(ref, [])).rejects.toMatchObject({ failure: 'timeout', message: expect.stringContaining('before the deadline') });
  });

  test('by the deadline when the answer stops half-way', async () => {
    const cluster = await connect(await serve((_, response) => void response.write('{"kind":')), { deadlineMs: 50 });
    await expect(cluster.patch(ref, [])).rejects.toMatchObject({ failure: 'timeout' });
  });

  test('by the deadline when an exec plugin hangs', async () => {
    const inline = kubeconfig(1, { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'sleep', args: ['3'] } });
    const start = performance.now();
    const cluster = await connect(1, { deadlineMs: 50, kubeconfig: { inline } });
    await expect(cluster.get(ref)).rejects.toMatchObject({ failure: 'timeout' });
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('by the deadline when a watch is not answered', async () => {
    const port = await serve((request, response) => void (request.url?.includes('watch=true') || response.end(JSON.stringify({ metadata: { resourceVersion: '7' }, items: [] }))));
    const cluster = await connect(port, { deadlineMs: 50 });
    const events = cluster.watch({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop' }, new AbortController().signal);
    await expect(events[Symbol.asyncIterator]().next()).rejects.toMatchObject({ failure: 'timeout' });
  });

  test('by the caller\'s signal', async () => {
    const stop = new AbortController();
    const cluster = await connect(await serve(() => stop.abort()));
    await expect(cluster.patch(ref, [], { signal: stop.signal })).rejects.toMatchObject({ failure: 'timeout', message: expect.stringContaining('by the caller') });
  });

  test('before it is sent when the signal was aborted already', async () => {
    const sent: string[] = [];
    const cluster = await connect(await answering(200), { onRequest: ({ verb }) => sent.push(verb) });
    await expect(cluster.patch(ref, [], { signal: AbortSignal.abort() })).rejects.toMatchObject({ failure: 'timeout' });
    expect(sent).toEqual([]);
  });
});

describe('a watch that ends is an error', () => {
  const watchAnswering = async (lines: readonly unknown[]) => {
    const port = await serve((request, response) => {
      if (request.url?.includes('watch=true')) response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      else response.end(JSON.stringify({ metadata: { resourceVersion: '7' }, items: [] }));
    });
    const cluster = await connect(port);
    return cluster.watch({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop' }, new AbortController().signal)[Symbol.asyncIterator]();
  };

  test('when the server just closes it, after the events that came', async () => {
    const events = await watchAnswering([{ type: 'ADDED', object: demo }]);
    expect(await events.next()).toEqual({ done: false, value: { type: 'ADDED', object: demo } });
    await expect(events.next()).rejects.toMatchObject({ failure: 'unavailable' });
  });

  test('when the server says why', async () => {
    const events = await watchAnswering([{ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } }]);
    await expect(events.next()).rejects.toMatchObject({ failure: 'unavailable', status: 410, message: expect.stringContaining('too old') });
  });
});

describe('connections', () => {
  test('one serves several calls', async () => {
    const ports = new Set<number | undefined>();
    const cluster = await connect(await serve((request, response) => void (ports.add(request.socket.remotePort), response.end(JSON.stringify(demo)))));
    for (let call = 0; call < 3; call++) await cluster.get(ref);
    expect(ports.size).toBe(1);
  });

  test.each([
    [29_000, 1],
    [31_000, 2],
  ])('one that lay idle for %d ms makes it %d', async (idleMs, connections) => {
    const ports = new Set<number | undefined>();
    const port = await serve((request, response) => void (ports.add(request.socket.remotePort), response.end('{}')));
    let now = 1_000_000;
    const provider = await openAccess({ inline: kubeconfig(port) }, undefined, { ...systemClock, now: () => now });
    const ask = async (): Promise<void> => {
      const { server, agent } = await provider.access();
      const [response] = (await once(http.get(server, { agent }), 'response')) as [http.IncomingMessage];
      await once(response.resume(), 'close');
    };
    await ask();
    now += idleMs;
    await ask();
    provider.close();
    expect(ports.size).toBe(connections);
  });

  /** Answers the first request, closes the connection without an answer on the second, answers the rest. */
  const dropsTheSecond = async () => {
    let count = 0;
    const port = await serve((request, response) => {
      if (++count === 2) request.socket.resetAndDestroy();
      else response.end(JSON.stringify(demo));
    });
    return { port, count: () => count };
  };

  test('a read that meets a closing one is sent again', async () => {
    const { port, count } = await dropsTheSecond();
    const cluster = await connect(port);
    await cluster.get(ref);
    await expect(cluster.get(ref)).resolves.toEqual(demo);
    expect(count()).toBe(3);
  });

  test('a write is not, because it may have happened', async () => {
    const { port, count } = await dropsTheSecond();
    const cluster = await connect(port);
    await cluster.get(ref);
    await expect(cluster.patch(ref, [])).rejects.toMatchObject({ failure: 'unavailable' });
    expect(count()).toBe(2);
  });

  test('none at all is unavailable', async () => {
    const port = await serve(() => undefined);
    for (const end of endings.splice(0)) await end();
    const cluster = await connect(port);
    await expect(cluster.get(ref)).rejects.toMatchObject({ failure: 'unavailable', message: expect.stringContaining('ECONNREFUSED') });
  });

  test('a closed cluster takes no more calls', async () => {
    const cluster = await connect(await answering(200));
    await cluster.close();
    await expect(cluster.get(ref)).rejects.toMatchObject({ failure: 'unavailable', message: expect.stringContaining('closed') });
  });
});

describe('no message shows a credential', () => {
  const failureWith = async (inline: string): Promise<string> => {
    const cluster = await connect(1, { kubeconfig: { inline } });
    const failure = (await cluster.get(ref).catch((error: unknown) => error)) as Error;
    const causes: unknown[] = [failure];
    for (let each = failure.cause; each instanceof Error; each = each.cause) causes.push(each);
    return causes.map((each) => `${String(each)} ${each instanceof Error ? each.stack : ''}`).join('\n');
  };

  test('of a kubeconfig that is broken', async () => {
    const said = await failureWith(`users:\n- {name: me, user: {token: ${token}: broken]}}\n`);
    expect(said).toContain('cannot be loaded');
    expect(said).not.toContain(token);
  });

  test.each([
    ['fails and says it', `echo ${token} >&2; exit 1`],
    ['prints what is not JSON', `echo ${token}`],
  ])('of an exec plugin that %s', async (_, script) => {
    const said = await failureWith(kubeconfig(1, { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', script] } }));
    expect(said).toContain('credentials of user "me" could not be had');
    expect(said).not.toContain(token);
  });

  test('nor is one sent in clear text without being asked to', async () => {
    expect(await failureWith(kubeconfig(1, { token }, false))).toContain('clear text');
  });
});

test('after a 401 the kubeconfig is read again', async () => {
  const port = await serve((request, response) => response.writeHead(request.headers.authorization === 'Bearer new' ? 200 : 401).end(JSON.stringify(demo)));
  const folder = await mkdtemp(join(tmpdir(), 'sluice-kubeconfig-'));
  const path = join(folder, 'config');
  endings.push(() => rm(folder, { recursive: true }));
  await writeFile(path, kubeconfig(port, { token: 'old' }));
  const cluster = await connect(port, { kubeconfig: { path } });
  await expect(cluster.get(ref)).rejects.toMatchObject({ failure: 'forbidden', status: 401 });
  await writeFile(path, kubeconfig(port, { token: 'new' }));
  await expect(cluster.get(ref)).resolves.toEqual(demo);
});

describe('several clusters by name', () => {
  test('are connected when asked for, once', async () => {
    const clusters = connectClusters({ east: { kubeconfig: { path: '/nowhere' } }, west: { kubeconfig: { inline: kubeconfig(await answering(200, {}, demo)) } } });
    const west = await clusters.cluster('west');
    expect(west.name).toBe('west');
    expect(await clusters.cluster('west')).toBe(west);
    await expect(west.get(ref)).resolves.toEqual(demo);
    await clusters.close();
  });

  test('one that is not configured is refused, with those that are', async () => {
    const clusters = connectClusters({ east: { kubeconfig: { path: '/nowhere' } } });
    await expect(clusters.cluster('toString')).rejects.toThrow('there is no cluster "toString"; configured are: east');
  });
});
