import type { FastifyRequest } from 'fastify';
import { isAmong } from '../../statemachines/definition/names.ts';
import { sameSecret, verifyHmac } from '../../infra/secrets/compare.ts';
import { afterRefusal, type Secrets } from '../../infra/secrets/port.ts';
import type { Config } from '../config.ts';
import { Problem } from './problems.ts';
import type { Served } from './served.ts';

export type Role = 'viewer' | 'operator';
export interface Person {
  readonly name: string;
  readonly role: Role;
  /** Whether this person has to do with the rollout at all. */
  mayTouch(rollout: { readonly namespace: string; readonly name: string }): boolean;
  /** Has to do with all rollouts, and so with what belongs to none. */
  readonly unlimited: boolean;
}

type Guarded = Pick<Served, 'config' | 'secrets'> & { readonly ports: Pick<Served['ports'], 'clock'> };
export type Token = Config['people'][string]['tokens'][number];

const bearerOf = (request: FastifyRequest): string | undefined => /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];

type Age = Parameters<Secrets['read']>[1];

/** The secrets of this list that count now. */
const current = (secrets: Secrets, tokens: readonly Token[], now: number, age: Age): Promise<readonly string[]> =>
  Promise.all(tokens.filter((token) => typeof token === 'string' || now < token.until).map((token) => secrets.read(typeof token === 'string' ? token : token.secret, age)));

/** Is the given token one of these? Every one is compared, so that the time tells nothing. */
const isOneOf = async (secrets: Secrets, tokens: readonly Token[], given: string, now: number, age: Age): Promise<boolean> =>
  (await current(secrets, tokens, now, age)).map((token) => sameSecret(token, given)).includes(true);

/** What nothing that is remembered fits may fit what has been changed since: an alert that is refused is not sent again. */
const orLookAgain = async <T>(look: (age: Age) => Promise<T>): Promise<T> => (await look({})) || look(afterRefusal);

export const unauthenticated = (message: string): Problem => new Problem(401, 'unauthenticated', message);

const personOf = (name: string, role: Role, rollouts: readonly string[] | undefined): Person => ({
  name,
  role,
  unlimited: rollouts === undefined,
  mayTouch: (rollout) => isAmong(rollouts, rollout),
});

/** A guard for routes: runs before the body is read and keeps who was let in. A rollout in the path must be one of theirs. */
export const gate = (guarded: Guarded, needed: Role) => {
  const admitted = new WeakMap<object, Person>();
  return {
    onRequest: async (request: FastifyRequest): Promise<void> => {
      const person = await authenticatePerson(guarded, request, needed);
      const { namespace, name } = request.params as { namespace?: string; name?: string };
      if (namespace !== undefined && name !== undefined) assertTheirs(person, { namespace, name });
      admitted.set(request, person);
    },
    /** The person behind a request that `onRequest` has let in. */
    person: (request: FastifyRequest): Person => {
      const person = admitted.get(request);
      if (person === undefined) throw unauthenticated('this needs a token');
      return person;
    },
  };
};

export const assertTheirs = (person: Person, rollout: { readonly namespace: string; readonly name: string }): void => {
  if (!person.mayTouch(rollout)) throw new Problem(403, 'forbidden', `${person.name} has nothing to do with ${rollout.namespace}/${rollout.name}`);
};

/** For what belongs to no rollout in particular. */
export const assertUnlimited = (person: Person): void => {
  if (!person.unlimited) throw new Problem(403, 'forbidden', `${person.name} may see some rollouts only, and this concerns all of them`);
};

/** Who is calling the API. Throws 401 without a token that we know, 403 for one that may only look. */
const authenticatePerson = async ({ config, secrets, ports }: Guarded, request: FastifyRequest, needed: Role): Promise<Person> => {
  const given = bearerOf(request);
  if (given === undefined) {
    if (config.anonymousReads && needed === 'viewer') return personOf('anonymous', 'viewer', undefined);
    throw unauthenticated('this needs a token: send `Authorization: Bearer <token>`');
  }
  const found = await orLookAgain(async (age) => {
    let person: Person | undefined;
    for (const [name, { tokens, role, rollouts }] of Object.entries(config.people)) if (await isOneOf(secrets, tokens, given, ports.clock.now(), age)) person = personOf(name, role, rollouts);
    return person;
  });
  if (found === undefined) throw unauthenticated('this token is not known, or no longer');
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

/** Before the body is read: a source that sends a token must have sent a right one, and none may announce more than it may send. */
export const authenticateSource = async ({ config, secrets, ports }: Guarded, name: string, request: FastifyRequest): Promise<Source> => {
  const source = sourceOf(config, name);
  if (source.tokens !== undefined) {
    const given = bearerOf(request);
    const { tokens } = source;
    if (given === undefined || !(await orLookAgain((age) => isOneOf(secrets, tokens, given, ports.clock.now(), age)))) throw unauthenticated('wrong source or token');
  }
  if (Number(request.headers['content-length'] ?? 0) > source.maxBytes) throw tooLarge(source);
  return source;
};

/** Once the raw body is there: it is no larger than it may be, and a source that signs must have signed it. */
export const verifyBody = async ({ secrets, ports }: Guarded, source: Source, request: FastifyRequest, body: Uint8Array): Promise<void> => {
  if (body.length > source.maxBytes) throw tooLarge(source);
  const { signature } = source;
  if (signature === undefined) return;
  const header = request.headers[signature.header.toLowerCase()];
  const given = typeof header === 'string' ? header : '';
  const right = await orLookAgain(async (age) => {
    const keys = await current(secrets, signature.keys, ports.clock.now(), age);
    return keys.map((key) => verifyHmac({ algorithm: signature.algorithm, key, body, given })).includes(true);
  });
  if (!right) throw unauthenticated(`header ${signature.header} does not sign this body`);
};

const tooLarge = ({ maxBytes }: Source): Problem => new Problem(413, 'too-large', `allowed are ${maxBytes} bytes`);
