import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Measurement } from '../infra/metrics/port.ts';
import { prometheusMetrics, type PrometheusOptions } from '../infra/metrics/prometheus.ts';
import { httpOutbound } from '../infra/outbound/http.ts';
import { localSecrets } from '../infra/secrets/local.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

interface Asked {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly form: Record<string, string>;
}

/** A Prometheus that gives one answer to everything; `undefined` never answers. */
const prometheus = async (answer: unknown, status = 200): Promise<{ readonly url: string; readonly asked: readonly Asked[] }> => {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      asked.push({ line: `${request.method} ${request.url}`, headers: request.headers, form: Object.fromEntries(new URLSearchParams(body)) });
      if (answer === undefined) return;
      response.writeHead(status, { 'content-type': 'application/json', location: 'http://169.254.169.254/' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
};

const at = Date.UTC(2026, 0, 31, 12, 0, 0, 250);
const secrets = localSecrets({ USER_NAME: 'sluice', PASSWORD: 'pä:ss', TOKEN: 't0ken' });
const query = (url: string, over: Partial<PrometheusOptions> = {}, signal?: AbortSignal): Promise<Measurement> =>
  prometheusMetrics({ url, send: httpOutbound(), secrets, allow: { loopback: true }, ...over }).query('sum(up) > 0 & "x"', at, signal);
const answering = async (answer: unknown, status?: number): Promise<Measurement> => query((await prometheus(answer, status)).url);

const vector = (...values: readonly string[]): unknown => ({
  status: 'success',
  data: { resultType: 'vector', result: values.map((value, i) => ({ metric: { pod: `p${i}` }, value: [at / 1000, value] })) },
});
const scalar = (value: string): unknown => ({ status: 'success', data: { resultType: 'scalar', result: [at / 1000, value] } });

describe('a query', () => {
  it('is sent whole, with the moment it is about', async () => {
    const { url, asked } = await prometheus(vector('1'));
    await query(`${url}/prefix/`);
    expect(asked).toMatchObject([
      { line: 'POST /prefix/api/v1/query', form: { query: 'sum(up) > 0 & "x"', time: (at / 1000).toFixed(3) }, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ]);
    expect(asked[0]?.form['time']).toMatch(/^\d+\.250$/);
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  it('carries the credentials that the secrets hold', async () => {
    const { url, asked } = await prometheus(vector('1'));
    await query(url, { auth: { username: 'env:USER_NAME', password: 'env:PASSWORD' } });
    await query(url, { auth: { token: 'env:TOKEN' } });
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([`Basic ${Buffer.from('sluice:pä:ss').toString('base64')}`, 'Bearer t0ken']);
  });

  it('is not sent without them', async () => {
    const { url, asked } = await prometheus(vector('1'));
    const result = await query(url, { auth: { token: 'env:NONE' } });
    expect(result).toEqual({ outcome: 'providerDown', reason: 'secret env:NONE: there is no environment variable NONE' });
    expect(asked).toEqual([]);
  });
});

describe('one number', () => {
  it.each([
    [scalar('0'), 0],
    [scalar('-1.5e-07'), -1.5e-7],
    [vector('0.042'), 0.042],
    [vector('1e+21'), 1e21],
  ])('%j is a value', async (answer, value) => {
    expect(await answering(answer)).toEqual({ outcome: 'value', value });
  });
});

describe('what cannot be judged is no data', () => {
  it.each([
    ['no series', vector(), 'matches no series'],
    ['several series', vector('1', '1'), 'the query gives 2 series, allowed is one: aggregate them'],
    ['NaN', vector('NaN'), 'the query gives NaN'],
    ['a scalar NaN', scalar('NaN'), 'the query gives NaN'],
    ['infinity', vector('+Inf'), 'the query gives +Inf'],
    ['minus infinity', scalar('-Inf'), 'the query gives -Inf'],
    ['a matrix', { status: 'success', data: { resultType: 'matrix', result: [] } }, 'gives a matrix'],
    ['a string', { status: 'success', data: { resultType: 'string', result: [0, 'x'] } }, 'gives a string'],
    ['a histogram', { status: 'success', data: { resultType: 'vector', result: [{ metric: {}, histogram: [0, {}] }] } }, 'use e.g. histogram_quantile()'],
  ])('%s', async (_, answer, reason) => {
    expect(await answering(answer)).toEqual({ outcome: 'noData', reason: expect.stringContaining(reason) });
  });
});

describe('a provider is down', () => {
  const parseError = { status: 'error', errorType: 'bad_data', error: 'invalid parameter "query": 1:5: parse error: unexpected end of input' };

  it.each([
    ['refuses the query', parseError, 400, 'Prometheus answered 400: invalid parameter "query": 1:5: parse error'],
    ['cannot carry it out', { status: 'error', errorType: 'execution', error: 'query timed out' }, 422, 'answered 422: query timed out'],
    ['refuses us', 'Unauthorized', 401, 'Prometheus answered 401'],
    ['is overloaded', { status: 'error', errorType: 'unavailable', error: 'starting' }, 503, 'answered 503: starting'],
    ['stands behind a broken gateway', '<html>', 502, 'Prometheus answered 502'],
    ['points elsewhere', '', 302, 'Prometheus answered 302'],
    ['answers with a page', '<html>', 200, 'no query result: body: found no JSON'],
    ['answers with other JSON', { status: 'success' }, 200, 'no query result'],
    ['answers with an error under 200', parseError, 200, 'no query result'],
    ['gives an empty text for a number', vector(''), 200, 'answered "", allowed is a number'],
    ['gives a hexadecimal number', vector('0x10'), 200, 'answered "0x10"'],
    ['gives a number beyond all numbers', vector('1e999'), 200, 'answered "1e999"'],
    ['answers without end', `"${'x'.repeat(1_048_576)}"`, 200, 'answered more than 1048576 bytes'],
    ['answers in the abyss', '['.repeat(1000), 200, 'nesting deeper than 64'],
  ])('when it %s', async (_, answer, status, reason) => {
    expect(await answering(answer, status)).toEqual({ outcome: 'providerDown', reason: expect.stringContaining(reason) });
  });

  it('when its message is long, and then the reason is not', async () => {
    const result = await answering({ status: 'error', error: 'x'.repeat(10_000) }, 400);
    expect(result.outcome === 'providerDown' ? result.reason.length : 0).toBeLessThan(400);
  });

  it('when it does not answer in time, or the caller gives up', async () => {
    const { url } = await prometheus(undefined);
    expect(await query(url, { timeoutMs: 50 })).toEqual({ outcome: 'providerDown', reason: `${url}: did not answer within 50 ms` });
    expect(await query(url, {}, AbortSignal.timeout(50))).toEqual({ outcome: 'providerDown', reason: `${url}: was given up by the caller` });
  });

  it('when nobody listens, or its address may not be called', async () => {
    const { url } = await prometheus(vector('1'));
    expect((await query(url, { allow: {} })).outcome).toBe('providerDown');
    await new Promise((done) => servers.pop()?.close(done));
    expect(await query(url)).toEqual({ outcome: 'providerDown', reason: expect.stringContaining('ECONNREFUSED') });
  });
});
