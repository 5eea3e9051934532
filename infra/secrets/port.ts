/** Where a secret is, never what it is: `env:NAME`, `file:/path`, `ssm:/path/name`, `secretsmanager:NAME-or-ARN#json-key`. */
export type SecretRef = string;

/** Looks secrets up when they are needed; nothing prints them. */
export interface Secrets {
  /**
   * Throws with the reference, never the value, when there is none. An implementation that has to ask over a network may answer
   * from memory with what it read no longer than `maxAgeMs` milliseconds ago, five minutes unless told; others read anew each time.
   */
  read(ref: SecretRef, options?: { readonly maxAgeMs?: number }): Promise<string>;
}

/**
 * For looking once more after a secret from memory did not fit: it may have been changed since. Not less than ten seconds, because
 * anybody can send wrong tokens, and each must not become a call that is metered and throttled.
 */
export const afterRefusal = { maxAgeMs: 10_000 } as const;
