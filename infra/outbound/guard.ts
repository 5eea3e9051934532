import { isIP } from 'node:net';
import { isMetadataName, whyNot } from './addresses.ts';
import type { Allowance } from './port.ts';

export type CheckedUrl = { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly reason: string };

/**
 * What can be said of a URL without asking anybody: scheme, credentials, metadata names and literal addresses. Names are judged
 * by what they resolve to when the connection is made; an earlier look-up would prove nothing, because a name may answer
 * differently the second time (DNS rebinding).
 */
export const checkUrl = (text: string, allow: Allowance): CheckedUrl => {
  const refuse = (reason: string): CheckedUrl => ({ ok: false, reason });
  const url = URL.parse(text);
  if (url === null) return refuse(`url: found a text of ${text.length} characters that is no URL, allowed is http(s)://host/path`);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse(`url: found scheme ${url.protocol}, allowed are https: and http:`);
  if (url.username !== '' || url.password !== '') {
    return refuse(`url: found a user or password before ${url.host}, allowed is a secret reference beside the url`);
  }
  // IPv6 addresses stand in brackets in URLs, and nowhere else.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isMetadataName(host)) return refuse(`${url.origin}: is a metadata service, which is never allowed`);
  const why = isIP(host) === 0 ? undefined : whyNot(host, allow);
  return why === undefined ? { ok: true, url } : refuse(`${url.origin}: is ${why}`);
};

/** All addresses of a host name, in the order in which they should be tried. */
export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/** Thrown by a guarded look-up; tells a refusal of ours from a failure of the network. */
export class ForbiddenAddress extends Error {}

/**
 * Resolves a name to addresses that may all be called. One bad address condemns the name: an honest one has none. What this
 * returns is what is connected to, so between check and use there is no second look-up.
 */
export const resolveAllowed = async (host: string, resolve: Resolve, allow: Allowance): ReturnType<Resolve> => {
  const addresses = await resolve(host);
  if (addresses.length === 0) throw new Error(`${host} has no address`);
  for (const { address } of addresses) {
    const why = whyNot(address, allow);
    if (why !== undefined) throw new ForbiddenAddress(`${host} resolves to ${address}, ${why}`);
  }
  return addresses;
};
