import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const fingerprint = (value: Uint8Array | string): Buffer => createHash('sha256').update(value).digest();

/** Whether two secrets are the same, in a time that tells neither where they differ nor how long they are. */
export const sameSecret = (a: Uint8Array | string, b: Uint8Array | string): boolean => timingSafeEqual(fingerprint(a), fingerprint(b));

export interface HmacClaim {
  readonly algorithm: 'sha1' | 'sha256';
  readonly key: Uint8Array | string;
  /** The exact bytes that were signed: the raw body, with whatever the sender puts before it. */
  readonly body: Uint8Array | string;
  /** The signature as it came: hex or base64, bare or after `sha1=` or `sha256=`. */
  readonly given: string;
}

/** Whether the signature is that of `body` under `key`. An empty key signs nothing: it means that a secret is missing. */
export const verifyHmac = ({ algorithm, key, body, given }: HmacClaim): boolean => {
  if (key.length === 0) return false;
  const prefix = `${algorithm}=`;
  const bare = given.startsWith(prefix) ? given.slice(prefix.length) : given;
  const digest = createHmac(algorithm, key).update(body).digest();
  const encoded = bare.length === digest.length * 2 ? digest.toString('hex') : digest.toString('base64');
  return sameSecret(encoded, bare.length === digest.length * 2 ? bare.toLowerCase() : bare);
};
