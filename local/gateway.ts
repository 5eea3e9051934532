import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { Json } from '../events/input.ts';
import type { LocalFunction } from './function.ts';

/** What API Gateway's HTTP APIs take, in bytes. */
const largestBody = 10_485_760;
const apiId = 'local';

/** Content types that HTTP APIs hand on as text; everything else goes as base64. */
const textual = /^(text\/|application\/(json|javascript|xml)\b)/i;

interface HttpRequest {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly sourceIp: string;
}

/** Hop-by-hop headers end here, and cookies have a field of their own. */
const keptBack: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'cookie']);

const headersOf = (raw: readonly string[]): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    const value = raw[at + 1] ?? '';
    if (!keptBack.has(name)) headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  return headers;
};

const cookiesOf = (raw: readonly string[]): string[] =>
  raw.flatMap((name, at) => (at % 2 === 0 && name.toLowerCase() === 'cookie' ? (raw[at + 1] ?? '').split(/;\s*/) : []));

/** Several values of one name are joined by commas. */
const queryOf = (query: string): Record<string, string> => {
  const values: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) values[name] = values[name] === undefined ? value : `${values[name]},${value}`;
  return values;
};

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number): string => String(n).padStart(2, '0');
const clfTime = (at: Date): string =>
  `${two(at.getUTCDate())}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}:${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`;

/** A request as an HTTP API gives it to a function: payload format 2.0. Throws URIError for a path that cannot be decoded. */
export const toEvent = ({ method, target, rawHeaders, body, sourceIp }: HttpRequest, routeKey: string, now: number): APIGatewayProxyEventV2 => {
  const [rawPath = '/', ...rest] = target.split('?');
  const rawQueryString = rest.join('?');
  const headers = headersOf(rawHeaders);
  const query = queryOf(rawQueryString);
  const cookies = cookiesOf(rawHeaders);
  const text = body.toString('utf8');
  // Compressed bodies and bytes that are no text cannot travel as a JSON string.
  const isBase64Encoded = body.length > 0 && (!textual.test(headers['content-type'] ?? '') || headers['content-encoding'] !== undefined || !Buffer.from(text, 'utf8').equals(body));
  const domainName = headers['host'] ?? 'localhost';
  // HTTP APIs, unlike Function URLs, decode the path, and lose what follows a decoded question mark.
  const path = decodeURIComponent(rawPath).split('?', 1)[0] ?? '/';
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString,
    ...(cookies.length === 0 ? {} : { cookies }),
    headers: { ...headers, 'x-forwarded-for': sourceIp, 'x-forwarded-proto': 'http' },
    ...(Object.keys(query).length === 0 ? {} : { queryStringParameters: query }),
    requestContext: {
      accountId: '000000000000',
      apiId,
      domainName,
      domainPrefix: apiId,
      http: { method, path, protocol: 'HTTP/1.1', sourceIp, userAgent: headers['user-agent'] ?? '' },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      time: clfTime(new Date(now)),
      timeEpoch: now,
    },
    ...(body.length === 0 ? {} : { body: isBase64Encoded ? body.toString('base64') : text }),
    isBase64Encoded,
  };
};

interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
}

const said = (status: number, message: string): HttpAnswer => ({ status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify({ message })) });

/** What an HTTP API makes of a function's answer: one without a status code is a body in itself. */
const fromAnswer = (payload: Json): HttpAnswer => {
  if (typeof payload !== 'object' || payload === null || !('statusCode' in payload))
    return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)) };
  const { statusCode, headers = {}, cookies, body = '', isBase64Encoded = false } = payload as {
    statusCode: number;
    headers?: Record<string, string | number | boolean>;
    cookies?: string[];
    body?: string;
    isBase64Encoded?: boolean;
  };
  if (!Number.isInteger(statusCode) || statusCode < 100 || statusCode > 599 || typeof body !== 'string') return said(500, 'Internal Server Error');
  return {
    status: statusCode,
    headers: { ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)])), ...(cookies === undefined || cookies.length === 0 ? {} : { 'set-cookie': cookies }) },
    body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'),
  };
};

export interface GatewayOptions {
  readonly port: number;
  /** Takes `/hooks/*`. */
  readonly ingest: LocalFunction;
  /** Takes everything else. */
  readonly api: LocalFunction;
  /** Requests that never reach a function, because there is no such thing on AWS: the sandbox's own. */
  readonly beside?: (path: string) => RequestListener | undefined;
}

export interface Gateway {
  readonly url: string;
  close(): Promise<void>;
}

const eventOf = (request: HttpRequest, routeKey: string): APIGatewayProxyEventV2 | undefined => {
  try {
    return toEvent(request, routeKey, Date.now());
  } catch {
    return undefined;
  }
};

/** Undefined when it is larger than allowed. */
const bodyOf = async (request: IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > largestBody) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
};

const send = (response: ServerResponse, { status, headers, body }: HttpAnswer): void => {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader('content-length', body.length);
  response.writeHead(status).end(body);
};

/** An HTTP API on loopback with the two routes of serverless.yml. */
export const openGateway = async ({ port, ingest, api, beside }: GatewayOptions): Promise<Gateway> => {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = request.url ?? '/';
    const path = target.split('?', 1)[0] ?? '/';
    const other = beside?.(path);
    if (other !== undefined) return other(request, response);
    const body = await bodyOf(request);
    if (body === undefined) return send(response, said(413, 'Request Entity Too Large'));
    const hooks = path.startsWith('/hooks/');
    const asked = { method: request.method ?? 'GET', target, rawHeaders: request.rawHeaders, body, sourceIp: request.socket.remoteAddress ?? '' };
    const event = eventOf(asked, hooks ? 'POST /hooks/{proxy+}' : '$default');
    if (event === undefined) return send(response, said(400, 'Bad Request'));
    const result = await (hooks ? ingest : api).invoke(event as unknown as Json);
    if (result.ok) return send(response, fromAnswer(result.payload));
    send(response, result.errorType === 'Sandbox.Timedout' ? said(503, 'Service Unavailable') : said(500, 'Internal Server Error'));
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};
