import { randomUUID } from 'node:crypto';
import type { DocumentId, Millis } from '../../events/input.ts';
import type { Clock } from '../clock.ts';
import { documentKey, readHeld, unchanged } from './items.ts';
import { N, S, numberOf, textOf, type Item, type Key, type Requests } from './requests.ts';

/**
 * Milliseconds for which a claim is left alone whose document was not seen to hold it: longer than a function may run (18 s), so that
 * only the dead are robbed. A courtesy; that no claim is held twice comes from the fence, not from clocks.
 */
export const leaseMs: Millis = 20_000;
/** Each further attempt means that somebody else changed the same claim in between. */
const mostAttempts = 5;

/** A claim that was written for a save. `fresh`: giving it back harms nobody, because no other save of the document has written it too. */
interface Taken {
  readonly claim: string;
  readonly token: string;
  readonly fresh: boolean;
}

type Taking = { readonly taken: readonly Taken[] } | { readonly claim: string; readonly by: DocumentId };

/**
 * Claims are items of their own, written before the document that holds them. An item tells who may hold the claim; whether that
 * document does is told by the document alone. Whoever takes a claim away from a document that does not hold it fences the document
 * first: then a save that read it earlier, and took the claim earlier, fails.
 */
export interface Claims {
  /** All of them for this version of the document, or none and who holds one. */
  take(id: DocumentId, version: number, claims: readonly string[]): Promise<Taking>;
  /** Takes back what `take` gave, once it is certain that the save has failed and will not be heard of again. */
  giveBack(taken: readonly Taken[]): Promise<void>;
  /** Frees claims that the saved version has no longer. What a later version took again stays. */
  drop(id: DocumentId, version: number, claims: readonly string[]): Promise<void>;
}

export const createClaims = (requests: Requests, clock: Clock): Claims => {
  const takeOne = async (id: DocumentId, version: number, claim: string): Promise<Taken | { readonly by: DocumentId }> => {
    const key = claimKey(claim);
    const token = randomUUID();
    const mine = (): Item => ({ holder: S(id), token: S(token), version: N(version), until: N(clock.now() + leaseMs) });
    let holder: DocumentId | undefined;
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      if (await requests.put(key, mine(), { text: 'attribute_not_exists(#token)', names: { '#token': 'token' } })) return { claim, token, fresh: true };
      const found = await requests.get(key);
      const seen = textOf(found, 'token');
      holder = textOf(found, 'holder');
      if (seen === undefined || holder === undefined) continue;
      if (seen === token) return { claim, token, fresh: true };
      if (holder !== id) {
        if ((numberOf(found, 'until') ?? 0) > clock.now()) return { by: holder };
        const fenced = await fence(holder, claim);
        if (fenced === 'holds') return { by: holder };
        if (fenced === 'moved') continue;
      }
      if (await requests.put(key, mine(), hasToken(seen))) return { claim, token, fresh: holder !== id };
      // The answer to a request that was repeated by the SDK: the first one had done it.
      if (textOf(await requests.get(key), 'token') === token) return { claim, token, fresh: holder !== id };
    }
    if (holder === undefined) throw new Error(`store: claim ${claim} for ${id}: it changed hands ${mostAttempts} times while it was looked at`);
    return { by: holder };
  };

  /** Makes every save fail that read this document before now and takes a claim, unless the document holds the claim or was saved meanwhile. */
  const fence = async (holder: DocumentId, claim: string): Promise<'holds' | 'moved' | 'fenced'> => {
    const held = readHeld(await requests.get(documentKey(holder)));
    if (held.claims.includes(claim)) return 'holds';
    const change = { text: 'SET #fence = :fence', names: { '#fence': 'fence' }, values: { ':fence': S(randomUUID()) } };
    return (await requests.update(documentKey(holder), change, unchanged(held.version))) === undefined ? 'moved' : 'fenced';
  };

  const giveBack = async (taken: readonly Taken[]): Promise<void> => {
    // What cannot be given back now is free when its lease is over.
    await Promise.allSettled(taken.filter(({ fresh }) => fresh).map(({ claim, token }) => requests.remove(claimKey(claim), hasToken(token))));
  };

  return {
    take: async (id, version, claims) => {
      const taken: Taken[] = [];
      try {
        // One after the other and in one order, so that of two who want the same ones one gets them all.
        for (const claim of [...claims].sort()) {
          const result = await takeOne(id, version, claim);
          if ('by' in result) {
            await giveBack(taken);
            return { claim, by: result.by };
          }
          taken.push(result);
        }
      } catch (error) {
        await giveBack(taken);
        throw error;
      }
      return { taken };
    },

    giveBack,

    drop: async (id, version, claims) => {
      const condition = {
        text: '#holder = :holder AND #version <= :version',
        names: { '#holder': 'holder', '#version': 'version' },
        values: { ':holder': S(id), ':version': N(version) },
      };
      await Promise.all(claims.map((claim) => requests.remove(claimKey(claim), condition)));
    },
  };
};

const claimKey = (claim: string): Key => ({ partition: `claim#${claim}`, sort: 'claim' });
const hasToken = (token: string) => ({ text: '#token = :token', names: { '#token': 'token' }, values: { ':token': S(token) } });
