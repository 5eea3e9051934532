import * as z from 'zod';
import type { SecretRef } from './port.ts';

const allowed = 'env:NAME or file:/absolute/path';

/** The only forms a secret may be named in; a value written down by mistake is not one of them. */
export const secretRefSchema: z.ZodType<SecretRef> = z
  .string(`allowed is ${allowed}`)
  .regex(/^(env:[A-Za-z_][A-Za-z0-9_]{0,255}|file:\/[^\0]{1,4095})$/, `allowed is ${allowed}`);

export type SecretPlace = { readonly kind: 'env'; readonly name: string } | { readonly kind: 'file'; readonly path: string };

/** Where a reference points to. What is not a reference may be the secret itself, so the error does not repeat it. */
export const secretPlace = (ref: SecretRef): SecretPlace => {
  if (!secretRefSchema.safeParse(ref).success) {
    const found = `a text of ${ref.length} characters that is none (not shown: it may be the secret)`;
    throw new Error(`secret reference: found ${found}, allowed is ${allowed}`);
  }
  const colon = ref.indexOf(':');
  const rest = ref.slice(colon + 1);
  return ref.startsWith('env:') ? { kind: 'env', name: rest } : { kind: 'file', path: rest };
};
