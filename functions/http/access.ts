import type { FastifyRequest } from 'fastify';
import { sameSecret, verifyHmac } from '../../infra/secrets/compare.ts';
import type { SecretRef, Secrets } from '../../infra/secrets/port.ts';
import type { Config } from '../config.ts';
import { Problem } from './problems.ts';

export type Role = 'viewer' | 'operator';
export interface Person {
  readonly name: string;
  readonly role: Role;
}

const bearerOf = (request: FastifyRequest): string | undefined => /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];

/** Is the given token one of these? Every one is compared, so that the time tells nothing. */
const isOneOf = async (secrets: Secrets, refs: readonly SecretRef[], given: string): Promise<boolean> => {
  const known = await Promise.all(refs.map((ref) => secrets.read(ref)));
  return known.map((token) => sameSecret(token, given)).includes(true);
};

export const unauthenticated = (message: string): Problem => new Problem(401, 'unauthenticated', message);

/** A guard for routes: runs before the body is read and keeps who was let in. */
export const gate = (config: Config, secrets: Secrets, needed: Role) => {
  const admitted = new WeakMap<object, Person>();
  return {
    onRequest: async (request: FastifyRequest): Promise<void> => {
      admitted.set(request, await authenticatePerson(config, secrets, request, needed));
    },
    /** The person behind a request that `onRequest` has let in. */
    person: (request: FastifyRequest): Person => {
      const person = admitted.get(request);
      if (person === undefined) throw unauthenticated('this needs a token');
      return person;
    },
  };
};

/** Who is calling the API. Throws 401 without a token that we know, 403 for one that may only look. */
const authenticatePerson = async (config: Config, secrets: Secrets, request: FastifyRequest, needed: Role): Promise<Person> => {
  const given = bearerOf(request);
  if (given === undefined) {
    if (config.anonymousReads && needed === 'viewer') return { name: 'anonymous', role: 'viewer' };
    throw unauthenticated('this needs a token: send `Authorization: Bearer <token>`');
  }
  let found: Person | undefined;
  for (const [name, { tokens, role }] of Object.entries(config.people)) if (await isOneOf(secrets, tokens, given)) found = { name, role };
  if (found === undefined) throw unauthenticated('this token is not known');
  if (needed === 'operator' && found.role === 'viewer') throw new Problem(403, 'forbidden', `${found.name} may look, but not act`);
  return found;
};

export type Source = Config['sources'][string];

/** The configured source of a webhook; an unknown one looks like a wrong token. */
const sourceOf = (config: Config, name: string): Source => {
  const source = Object.hasOwn(config.sources, name) ? config.sources[name] : undefined;
  if (source === undefined) throw unauthenticated('wrong source or token');
  return source;
};

/** Before the body is read: a source that sends a token must have sent a right one. */
export const authenticateSource = async (config: Config, secrets: Secrets, name: string, request: FastifyRequest): Promise<Source> => {
  const source = sourceOf(config, name);
  if (source.tokens === undefined) return source;
  const given = bearerOf(request);
  if (given === undefined || !(await isOneOf(secrets, source.tokens, given))) throw unauthenticated('wrong source or token');
  return source;
};

/** Once the raw body is there: a source that signs must have signed it. */
export const verifySignature = async (secrets: Secrets, source: Source, request: FastifyRequest, body: Uint8Array): Promise<void> => {
  const { signature } = source;
  if (signature === undefined) return;
  const header = request.headers[signature.header.toLowerCase()];
  const given = typeof header === 'string' ? header : '';
  const keys = await Promise.all(signature.keys.map((ref) => secrets.read(ref)));
  const right = keys.map((key) => verifyHmac({ algorithm: signature.algorithm, key, body, given })).includes(true);
  if (!right) throw unauthenticated(`header ${signature.header} does not sign this body`);
};
