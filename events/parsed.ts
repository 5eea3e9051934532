import type { Fact, Millis } from './input.ts';

/** What the receiver knows about a request before reading its body. */
export interface SenderContext {
  /** The configured name of the source; ids of facts carry it, so that two sources never share one. Has no slash. */
  readonly source: string;
  /** Registries seen under another name than the images use: name in the notification -> name in the image. */
  readonly hosts?: Readonly<Record<string, string>>;
}

/**
 * `id` is the sender's natural key: a retried delivery gives the same one. `at`: when it happened, by the sender's clock, where the
 * fact is worth nothing later.
 */
export interface IdentifiedFact {
  readonly id: string;
  readonly fact: Fact;
  readonly at?: Millis;
}

/** A part of a valid message that means nothing to us, and why. `id` is the sender's, where it has one. */
export interface Ignored {
  readonly id?: string;
  readonly reason: string;
}

/** `ok: false`: the body is not a message of this sender at all; the reason says where, what was found and what is allowed. */
export type Parsed =
  | { readonly ok: true; readonly facts: readonly IdentifiedFact[]; readonly ignored: readonly Ignored[] }
  | { readonly ok: false; readonly reason: string };

/** Reads one request body. Total: no body makes it throw. */
export type Parser = (body: Uint8Array | string, context: SenderContext) => Parsed;
