import { readJson } from '../../events/bounds.ts';
import type { Clock } from '../clock.ts';
import type { Outbound, OutboundResult } from '../outbound/port.ts';
import { awsEndpoint, type AwsService } from './endpoint.ts';
import type { AwsCredentials, Environment } from './environment.ts';
import { signHeaders } from './sign.ts';

export interface AwsRequest {
  readonly service: AwsService;
  readonly region: string;
  readonly credentials: AwsCredentials;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends one call that may be repeated, because it only reads or makes credentials; gives the text of a 200. Throws with what AWS said. */
export type AwsCall = (request: AwsRequest) => Promise<string>;

export interface AwsCallOptions {
  readonly send: Outbound;
  readonly clock: Clock;
  readonly environment: Environment;
}

/** Milliseconds for one attempt: two, with the pause, stay within the deadline of whatever needs the answer (8 s for a call to a cluster). */
const attemptMs = 3_000;
const pauseMs = { least: 100, most: 400 };
const longestMessage = 300;

/** VPC endpoints of AWS have private addresses, emulators are on this machine; who may set the endpoint may do anything here. */
const allow = { private: true, loopback: true };

/** One repetition, after a short random pause, when AWS is throttling, failing or not heard of. */
export const awsCall = ({ send, clock, environment }: AwsCallOptions): AwsCall => async (request) => {
  const first = await attempt(request, send, clock, environment);
  if (!mayPass(first)) return textOf(request, first);
  await clock.sleep(pauseMs.least + Math.random() * (pauseMs.most - pauseMs.least));
  return textOf(request, await attempt(request, send, clock, environment));
};

const attempt = async ({ path, headers = {}, ...request }: AwsRequest, send: Outbound, clock: Clock, environment: Environment): Promise<OutboundResult> => {
  const url = `${awsEndpoint(request.service, request.region, environment)}${path}`;
  const signed = await signHeaders({ ...request, url, headers, at: clock.now() });
  return send({ url, method: request.method, headers: signed, allow, timeoutMs: attemptMs, ...(request.body === undefined ? {} : { body: request.body }) });
};

/** `Throttling`, `ThrottlingException`, `TooManyRequestsException`, `RequestLimitExceeded`: the services do not agree on a status. */
const mayPass = (result: OutboundResult): boolean =>
  result.outcome === 'failed' || (result.outcome === 'answered' && (result.status === 429 || result.status >= 500 || /Throttl|TooManyRequests|LimitExceeded/.test(explain(result).code)));

const textOf = ({ service, region }: AwsRequest, result: OutboundResult): string => {
  const where = `${service} in ${region}`;
  if (result.outcome !== 'answered') throw new Error(`${where} gave no answer: ${result.reason}`);
  if (result.status === 200) return Buffer.from(result.body).toString('utf8');
  const { code, message } = explain(result);
  throw new Error(`${where} answered ${[result.status, code].join(' ').trim()}${message === '' ? '' : `: ${message.slice(0, longestMessage)}`}`);
};

/** What went wrong, in the three ways these services say it: JSON with `__type`, a header beside JSON, XML. */
const explain = ({ headers, body }: Extract<OutboundResult, { outcome: 'answered' }>): { readonly code: string; readonly message: string } => {
  const text = Buffer.from(body).toString('utf8');
  const tag = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '';
  if (text.trimStart().startsWith('<')) return { code: tag('Code'), message: tag('Message') };
  const read = readJson(text);
  const said = (read.ok && typeof read.value === 'object' ? read.value : {}) as Readonly<Record<string, unknown>> | null;
  const field = (...names: readonly string[]): string => names.map((name) => said?.[name]).find((value) => typeof value === 'string') ?? '';
  const type = field('__type', 'code') || (headers['x-amzn-errortype'] ?? '');
  return { code: type.replace(/^.*#/, '').replace(/:.*$/, ''), message: field('message', 'Message') };
};
