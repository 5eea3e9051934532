/** Where a secret is, never what it is: `env:NAME`, `file:/path`. */
export type SecretRef = string;

/** Looks secrets up when they are needed; nothing caches or prints them. */
export interface Secrets {
  /** Throws with the reference, never the value, when there is none. */
  read(ref: SecretRef): Promise<string>;
}
