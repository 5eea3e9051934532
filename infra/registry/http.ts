import { createHash } from 'node:crypto';
import { systemClock, type Clock } from '../clock.ts';
import type { Allowance, Outbound, OutboundResult } from '../outbound/port.ts';
import type { SecretRef, Secrets } from '../secrets/port.ts';
import { isReference, registryAddress, type RegistryAddress } from './address.ts';
import { parseChallenge } from './challenge.ts';
import type { Registry, Resolution } from './port.ts';
import { tokenCache, type Tokens } from './token.ts';

export interface RegistryCredentials {
  readonly username: SecretRef;
  readonly password: SecretRef;
}

export interface HttpRegistryOptions {
  readonly send: Outbound;
  readonly secrets: Secrets;
  /** By the host as it stands in images, e.g. `registry.example.com:5000` or `docker.io`. Hosts not listed are asked anonymously. */
  readonly credentials?: Readonly<Record<string, RegistryCredentials>>;
  /** Hosts that are asked over plain http though they are not this machine. */
  readonly insecure?: readonly string[];
  readonly allow?: Allowance;
  readonly clock?: Clock;
  /** Milliseconds for one resolution, authentication included; 8,000 unless told. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 8_000;

/** Multi-arch first, so that an index stays an index; without this list old registries convert or hide what they have. */
const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** OCI distribution specification: a registry should take manifests up to 4 MiB. */
const largestManifest = 4_194_304;

const digestPattern = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

type Method = 'HEAD' | 'GET';
type Answered = Extract<OutboundResult, { outcome: 'answered' }>;
type Reply = Answered | Exclude<Resolution, { outcome: 'found' }>;

/**
 * Asks registries that speak the OCI distribution API. HEAD first, which counts against no pull limit; GET where HEAD is not
 * served or names no digest. Anonymous, Basic and token authentication, as the registry demands.
 */
export const httpRegistry = (options: HttpRegistryOptions): Registry => {
  const { send, clock = systemClock, timeoutMs = defaultTimeoutMs } = options;
  const insecure: ReadonlySet<string> = new Set(options.insecure);
  const tokens = tokenCache({ send, clock, insecure, allow: options.allow ?? {} });
  return {
    async resolve(image, reference, signal) {
      const address = registryAddress(image, insecure);
      if (address === undefined) {
        return { outcome: 'unknown', reason: `image: found ${JSON.stringify(image)}, allowed is host/repository` };
      }
      if (!isReference(reference)) {
        return { outcome: 'unknown', reason: `${image}: found ${JSON.stringify(reference)}, allowed is a tag or sha256:<64 hex digits>` };
      }
      const deadline = AbortSignal.timeout(timeoutMs);
      const whole = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
      const ask = (method: Method): Promise<Reply> => fetchManifest({ address, reference, method, signal: whole, options, tokens });
      const resolution = await headThenGet(ask, image, reference);
      return deadline.aborted && resolution.outcome === 'unavailable'
        ? { outcome: 'unavailable', reason: `${address.host}: did not answer within ${timeoutMs} ms` }
        : resolution;
    },
  };
};

const headThenGet = async (ask: (method: Method) => Promise<Reply>, image: string, reference: string): Promise<Resolution> => {
  const head = await ask('HEAD');
  if (head.outcome !== 'answered') return head;
  const complete = head.status === 200 && claimedDigest(head) !== undefined && manifestTypes.includes(typeOf(head));
  if (complete || head.status === 404 || head.status === 429 || head.status >= 500) return judge(head, claimedDigest(head), image, reference);
  const get = await ask('GET');
  return get.outcome === 'answered' ? judge(get, digestOfBody(get), image, reference) : get;
};

interface Question {
  readonly address: RegistryAddress;
  readonly reference: string;
  readonly method: Method;
  readonly signal: AbortSignal;
  readonly options: HttpRegistryOptions;
  readonly tokens: Tokens;
}

/** One manifest request, with at most one answer to a challenge. */
const fetchManifest = async (question: Question): Promise<Reply> => {
  const { address, tokens } = question;
  const cached = tokens.cached(address);
  const first = await request(question, cached === undefined ? undefined : `Bearer ${cached}`);
  if (first.outcome !== 'answered' || first.status !== 401) return forbiddenAs(first, address);
  const authorization = await answerChallenge(question, first.headers['www-authenticate'] ?? '');
  if (typeof authorization !== 'string') return authorization;
  const second = await request(question, authorization);
  if (second.outcome === 'answered' && second.status === 401) {
    return { outcome: 'refused', reason: `${address.host}: does not accept ${who(question)} for ${address.repository} (401)` };
  }
  return forbiddenAs(second, address);
};

const request = async ({ address, reference, method, signal, options }: Question, authorization: string | undefined): Promise<Reply> => {
  const result = await options.send({
    url: `${address.origin}/v2/${address.repository}/manifests/${reference}`,
    method,
    headers: { accept: manifestTypes.join(', '), ...(authorization === undefined ? {} : { authorization }) },
    maxBytes: largestManifest,
    signal,
    ...(options.allow === undefined ? {} : { allow: options.allow }),
  });
  if (result.outcome === 'forbidden') return { outcome: 'refused', reason: result.reason };
  return result.outcome === 'failed' ? { outcome: 'unavailable', reason: result.reason } : result;
};

const forbiddenAs = (reply: Reply, { host, repository }: RegistryAddress): Reply =>
  reply.outcome === 'answered' && reply.status === 403 ? { outcome: 'refused', reason: `${host}: forbids reading ${repository} (403)` } : reply;

const who = ({ address, options }: Question): string => (credentialsFor(address, options) === undefined ? 'anonymous requests' : 'our credentials');

const credentialsFor = ({ host }: RegistryAddress, { credentials = {} }: HttpRegistryOptions): RegistryCredentials | undefined =>
  Object.hasOwn(credentials, host) ? credentials[host] : undefined;

/** The Authorization header that answers a challenge, or why there is none. */
const answerChallenge = async (question: Question, header: string): Promise<string | Exclude<Resolution, { outcome: 'found' }>> => {
  const { address, options, tokens, signal } = question;
  const challenge = parseChallenge(header);
  const refused = (reason: string): Exclude<Resolution, { outcome: 'found' }> => ({ outcome: 'refused', reason: `${address.host}: ${reason}` });
  if (challenge === undefined) return refused('asks for an authentication that is neither Basic nor Bearer (401)');
  let basic: string | undefined;
  try {
    basic = await basicAuthorization(credentialsFor(address, options), options.secrets);
  } catch (error) {
    return refused((error as Error).message);
  }
  if (challenge.scheme === 'basic') return basic ?? refused('asks for a user and password, none is configured (401)');
  const result = await tokens.fetch({ address, challenge, authorization: basic, signal });
  return result.outcome === 'token' ? `Bearer ${result.token}` : result;
};

const basicAuthorization = async (credentials: RegistryCredentials | undefined, secrets: Secrets): Promise<string | undefined> => {
  if (credentials === undefined) return undefined;
  const [username, password] = await Promise.all([secrets.read(credentials.username), secrets.read(credentials.password)]);
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
};

const typeOf = ({ headers }: Answered): string => (headers['content-type'] ?? '').split(';', 1)[0]?.trim() ?? '';

const claimedDigest = ({ headers }: Answered): string | undefined => {
  const digest = headers['docker-content-digest'];
  return digest !== undefined && digestPattern.test(digest) ? digest : undefined;
};

/** The digest of the bytes themselves; undefined when the header claims another one. */
const digestOfBody = (answer: Answered): string | undefined => {
  const claimed = claimedDigest(answer);
  const algorithm = claimed?.startsWith('sha512:') === true ? 'sha512' : 'sha256';
  const digest = `${algorithm}:${createHash(algorithm).update(answer.body).digest('hex')}`;
  return claimed === undefined || claimed === digest ? digest : undefined;
};

/** What an answer, after authentication, says about the reference. */
const judge = (answer: Answered, digest: string | undefined, image: string, reference: string): Resolution => {
  const { status } = answer;
  const mediaType = typeOf(answer);
  const unavailable = (reason: string): Resolution => ({ outcome: 'unavailable', reason: `${image}: ${reason}` });
  if (status === 404) return { outcome: 'unknown', reason: `${image}: the registry has no ${reference}` };
  if (status >= 300 && status < 400) return unavailable(`the registry answered ${status}, a redirect, which is not followed`);
  if (status !== 200) return unavailable(`the registry answered ${status}`);
  if (!manifestTypes.includes(mediaType)) {
    return { outcome: 'unknown', reason: `${image}: ${reference} is ${JSON.stringify(mediaType)}, allowed is an image manifest or index` };
  }
  if (digest === undefined) return unavailable(`the registry sent a ${reference} that is not what its digest says`);
  if (reference.includes(':') && digest !== reference) return unavailable(`asked for ${reference}, the registry sent ${digest}`);
  return { outcome: 'found', digest, mediaType };
};
