import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { checkUrl, type Resolve } from '../infra/outbound/guard.ts';
import { httpOutbound } from '../infra/outbound/http.ts';
import type { OutboundRequest, OutboundResult } from '../infra/outbound/port.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

const serve = async (listener: RequestListener): Promise<number> => {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
};

/** A name service that gives the listed answers one after the other, the last one for ever. */
const resolver = (...answers: readonly (readonly string[])[]): Resolve & { readonly asked: () => number } => {
  let asked = 0;
  const resolve = async (): ReturnType<Resolve> => {
    const answer = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return Object.assign(resolve, { asked: () => asked });
};

const local = { loopback: true };
const send = (request: OutboundRequest, resolve?: Resolve): Promise<OutboundResult> => httpOutbound(resolve)(request);
const textOf = (result: OutboundResult): string =>
  result.outcome === 'answered' ? `${result.status} ${new TextDecoder().decode(result.body)}` : `${result.outcome}: ${result.reason}`;

describe('a URL, before anybody is asked', () => {
  const everything = { private: true, loopback: true };

  it.each([
    ['file:///etc/passwd', 'url: found scheme file:, allowed are https: and http:'],
    ['ftp://example.com/', 'found scheme ftp:'],
    ['not a url', 'found a text of 9 characters that is no URL'],
    ['https://user:hunter2@example.com/', 'found a user or password before example.com'],
    ['https://user@example.com/', 'found a user or password'],
    ['http://169.254.169.254/latest/meta-data', 'http://169.254.169.254: is a link-local, metadata'],
    ['http://2852039166/', 'link-local'],
    ['http://0xa9.0xfe.0xa9.0xfe/', 'link-local'],
    ['http://[::ffff:169.254.169.254]/', 'link-local'],
    ['http://[64:ff9b::a9fe:a9fe]/', 'link-local'],
    ['http://[2002:a9fe:a9fe::1]/', 'link-local'],
    ['http://[fe80::1]/', 'link-local'],
    ['http://[fd00:ec2::254]/', 'metadata'],
    ['http://100.100.100.200/', 'metadata'],
    ['http://168.63.129.16/', 'metadata'],
    ['http://0.0.0.0/', 'reserved'],
    ['http://[::]/', 'reserved'],
    ['http://224.0.0.1/', 'multicast'],
    ['http://[ff02::1]/', 'multicast'],
    ['http://255.255.255.255/', 'reserved'],
    ['http://metadata.google.internal/', 'is a metadata service, which is never allowed'],
    ['http://METADATA.google.internal./', 'is a metadata service'],
    ['http://metadata/', 'is a metadata service'],
  ])('%s is refused even where private and loopback are allowed', (url, reason) => {
    const checked = checkUrl(url, everything);
    expect(checked.ok ? 'was allowed' : checked.reason).toContain(reason);
    if (!checked.ok) expect(checked.reason).not.toContain('hunter2');
  });

  it.each(['http://127.0.0.1:1/', 'http://127.9.9.9/', 'http://[::1]/', 'http://[::ffff:127.0.0.1]/'])('%s needs loopback to be allowed', (url) => {
    expect(checkUrl(url, { private: true })).toMatchObject({ ok: false, reason: expect.stringContaining('a loopback address') });
    expect(checkUrl(url, { loopback: true }).ok).toBe(true);
  });

  it.each(['http://10.0.0.1/', 'http://172.31.0.1/', 'http://192.168.1.1/', 'http://100.64.0.1/', 'http://[fd12::1]/', 'http://[::ffff:10.0.0.1]/'])(
    '%s needs private to be allowed',
    (url) => {
      expect(checkUrl(url, { loopback: true })).toMatchObject({ ok: false, reason: expect.stringContaining('a private address') });
      expect(checkUrl(url, { private: true }).ok).toBe(true);
    },
  );

  it.each(['https://example.com/hook?key=1', 'http://93.184.215.14/', 'https://[2606:2800::1]:8443/', 'http://172.32.0.1/'])('%s is allowed', (url) => {
    expect(checkUrl(url, {}).ok).toBe(true);
  });
});

describe('a name, when the connection is made', () => {
  it.each([
    [['169.254.169.254'], 'hooks.example resolves to 169.254.169.254, a link-local'],
    [['::ffff:169.254.169.254'], 'link-local'],
    [['93.184.215.14', '127.0.0.1'], 'hooks.example resolves to 127.0.0.1, a loopback address'],
    [['10.1.2.3'], 'a private address'],
    [['fe80::1'], 'link-local'],
  ])('that resolves to %j is refused', async (addresses, reason) => {
    const result = await send({ url: 'http://hooks.example/' }, resolver(addresses));
    expect(result.outcome).toBe('forbidden');
    expect(textOf(result)).toContain(reason);
  });

  it('is looked up once, and the address that was judged is the one that is called', async () => {
    const port = await serve((_, response) => response.end('hello'));
    const rebinding = resolver(['127.0.0.1'], ['169.254.169.254']);
    expect(textOf(await send({ url: `http://hooks.example:${port}/`, allow: local }, rebinding))).toBe('200 hello');
    expect(rebinding.asked()).toBe(1);
  });

  it('is judged anew for each request, so what one call was allowed helps no other', async () => {
    const port = await serve((_, response) => response.end('hello'));
    const outbound = httpOutbound(resolver(['127.0.0.1']));
    const url = `http://hooks.example:${port}/`;
    expect((await outbound({ url, allow: local, headers: { connection: 'keep-alive' } })).outcome).toBe('answered');
    expect((await outbound({ url })).outcome).toBe('forbidden');
  });

  it('that does not resolve is a failure, which may be tried again', async () => {
    const failing: Resolve = () => Promise.reject(new Error('ENOTFOUND hooks.example'));
    expect(await send({ url: 'http://hooks.example/' }, failing)).toEqual({ outcome: 'failed', reason: 'http://hooks.example: ENOTFOUND hooks.example' });
    expect((await send({ url: 'http://hooks.example/' }, resolver([]))).outcome).toBe('failed');
  });

  it('is resolved by the system when nothing else is given', async () => {
    const port = await serve((_, response) => response.end('hello'));
    const result = await send({ url: `http://localhost:${port}/`, allow: local });
    expect(textOf(result)).toBe('200 hello');
  });
});

describe('an exchange', () => {
  it('carries method, headers and body, and brings status, headers and body', async () => {
    const port = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (body: string) => {
        response.writeHead(201, { 'x-said': `${request.method} ${request.url} ${String(request.headers['x-key'])} ${request.headers['user-agent']}` });
        response.end(body);
      });
    });
    const result = await send({ url: `http://127.0.0.1:${port}/a?b=1`, method: 'POST', headers: { 'x-key': 'k' }, body: 'däta', allow: local });
    expect(textOf(result)).toBe('201 däta');
    expect(result).toMatchObject({ headers: { 'x-said': 'POST /a?b=1 k sluice' } });
  });

  it('does not follow a redirect', async () => {
    let calls = 0;
    const port = await serve((_, response) => {
      calls += 1;
      response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    });
    expect(await send({ url: `http://127.0.0.1:${port}/`, allow: local })).toMatchObject({ outcome: 'answered', status: 302 });
    expect(calls).toBe(1);
  });

  it('ends at its deadline when no answer comes, or the answer never ends', async () => {
    const silent = await serve(() => undefined);
    const dripping = await serve((_, response) => void response.writeHead(200).write('a'));
    for (const port of [silent, dripping]) {
      const result = await send({ url: `http://127.0.0.1:${port}/`, allow: local, timeoutMs: 50 });
      expect(result).toEqual({ outcome: 'failed', reason: `http://127.0.0.1:${port}: did not answer within 50 ms` });
    }
  });

  it("ends at its deadline when the name service doesn't answer", async () => {
    const never: Resolve = () => new Promise(() => undefined);
    expect(textOf(await send({ url: 'http://hooks.example/', timeoutMs: 50 }, never))).toContain('did not answer within 50 ms');
  });

  it("ends when the caller's signal does", async () => {
    const given = new AbortController();
    const port = await serve(() => given.abort());
    const result = await send({ url: `http://127.0.0.1:${port}/`, allow: local, signal: given.signal });
    expect(result).toEqual({ outcome: 'failed', reason: `http://127.0.0.1:${port}: was given up by the caller` });
    expect((await send({ url: `http://127.0.0.1:${port}/`, allow: local, signal: AbortSignal.abort() })).outcome).toBe('failed');
  });

  it('refuses an answer larger than its limit', async () => {
    const port = await serve((_, response) => response.end('x'.repeat(101)));
    const request = { url: `http://127.0.0.1:${port}/`, allow: local };
    expect((await send({ ...request, maxBytes: 101 })).outcome).toBe('answered');
    expect(textOf(await send({ ...request, maxBytes: 100 }))).toContain('answered more than 100 bytes, which is the limit');
  });

  it.each([
    ['cuts the connection at once', (socket: { destroy(): void }) => socket.destroy()],
    ['stops in the middle', (socket: { end(text: string): void }) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')],
    ['speaks something else', (socket: { end(text: string): void }) => socket.end('220 smtp ready\r\n')],
    ['switches protocols', (socket: { write(text: string): void }) => socket.write('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')],
  ])('fails when the server %s', async (_, act) => {
    const port = await serve((request) => act(request.socket));
    const result = await send({ url: `http://127.0.0.1:${port}/secret?key=hunter2`, allow: local, timeoutMs: 2_000 });
    expect(result.outcome).toBe('failed');
    expect(textOf(result)).not.toMatch(/hunter2|did not answer/);
  });

  it('fails when nobody listens, when TLS is answered in plain text, and on a header that is none', async () => {
    const port = await serve((_, response) => response.end());
    const gone = await serve((_, response) => response.end());
    await new Promise((done) => servers.pop()?.close(done));
    expect(textOf(await send({ url: `http://127.0.0.1:${gone}/`, allow: local }))).toContain('ECONNREFUSED');
    expect((await send({ url: `https://127.0.0.1:${port}/`, allow: local })).outcome).toBe('failed');
    expect((await send({ url: `http://127.0.0.1:${port}/`, allow: local, headers: { a: 'b\r\nc: d' } })).outcome).toBe('failed');
  });
});
