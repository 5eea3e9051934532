import * as z from 'zod';
import { readJson } from '../../events/bounds.ts';
import type { Millis } from '../../events/input.ts';
import type { Clock } from '../clock.ts';
import type { Allowance, Outbound } from '../outbound/port.ts';
import { mayBePlain, type RegistryAddress } from './address.ts';
import type { Challenge } from './challenge.ts';

/** Distribution token specification: seconds a token is valid for when the server does not say. */
const defaultLifetime = 60;

/** A token this close to its end is not used any more: it could expire under way. */
const margin: Millis = 5_000;

const seconds = z.number().positive().max(86_400).catch(defaultLifetime);
const text = z.string().min(1).max(65_536).regex(/^[!-~]+$/);
const answer = z.object({ token: text.optional(), access_token: text.optional(), expires_in: seconds.optional() });

export type TokenResult =
  | { readonly outcome: 'token'; readonly token: string }
  | { readonly outcome: 'refused' | 'unavailable'; readonly reason: string };

export interface TokenRequest {
  readonly address: RegistryAddress;
  readonly challenge: Extract<Challenge, { scheme: 'bearer' }>;
  readonly authorization: string | undefined;
  readonly signal: AbortSignal;
}

export interface TokenCacheOptions {
  readonly send: Outbound;
  readonly clock: Clock;
  readonly insecure: ReadonlySet<string>;
  readonly allow: Allowance;
}

export interface Tokens {
  cached(address: RegistryAddress): string | undefined;
  fetch(request: TokenRequest): Promise<TokenResult>;
}

/** Tokens of this process, kept in memory until shortly before they expire. One repository needs one: the scope is always to pull. */
export const tokenCache = ({ send, clock, insecure, allow }: TokenCacheOptions): Tokens => {
  const kept = new Map<string, { readonly token: string; readonly until: Millis }>();
  const keyOf = ({ origin, repository }: RegistryAddress): string => `${origin}/${repository}`;
  const keep = (address: RegistryAddress, token: string, until: Millis): void => {
    const now = clock.now();
    for (const [key, old] of kept) if (old.until <= now) kept.delete(key);
    kept.set(keyOf(address), { token, until });
  };
  return {
    cached(address) {
      const entry = kept.get(keyOf(address));
      return entry !== undefined && entry.until > clock.now() ? entry.token : undefined;
    },
    async fetch({ address, challenge, authorization, signal }) {
      const url = tokenUrl(challenge, address);
      if (url === undefined) return refused(`${address.host}: found a token realm that is no URL`);
      if (url.protocol !== 'https:' && !mayBePlain(url.host, insecure)) {
        return refused(`${address.host}: found a token realm at ${url.origin}, allowed is https`);
      }
      const asked = clock.now();
      const headers = authorization === undefined ? {} : { authorization };
      const result = await send({ url: url.href, headers, allow, signal });
      if (result.outcome === 'forbidden') return refused(`token realm ${result.reason}`);
      if (result.outcome === 'failed') return { outcome: 'unavailable', reason: `token realm ${result.reason}` };
      const { status } = result;
      if (status === 401 || status === 403) return refused(`${url.origin} gave no token for ${address.repository} (${status})`);
      if (status !== 200) return { outcome: 'unavailable', reason: `${url.origin} answered ${status} when asked for a token` };
      const json = readJson(result.body);
      const { token, access_token, expires_in = defaultLifetime } = answer.safeParse(json.ok ? json.value : undefined).data ?? {};
      const given = token ?? access_token;
      if (given === undefined) return { outcome: 'unavailable', reason: `${url.origin} answered 200 without a token` };
      keep(address, given, asked + expires_in * 1_000 - margin);
      return { outcome: 'token', token: given };
    },
  };
};

const refused = (reason: string): TokenResult => ({ outcome: 'refused', reason });

const tokenUrl = ({ realm, service, scope }: TokenRequest['challenge'], { repository }: RegistryAddress): URL | undefined => {
  const url = URL.parse(realm);
  if (url === null) return undefined;
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope ?? `repository:${repository}:pull`);
  return url;
};
