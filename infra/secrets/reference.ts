import * as z from 'zod';
import type { SecretRef } from './port.ts';

const allowed = 'env:NAME or file:/absolute/path, and on AWS ssm:/path/name or secretsmanager:NAME-or-ARN#json-key, where #json-key may be left out';

/** Parameter Store: up to 15 levels, 1,011 characters of these in all. Secrets Manager: 512 characters of these, an ARN around them. */
const forms = {
  env: /^[A-Za-z_][A-Za-z0-9_]{0,255}$/,
  file: /^\/[^\0]{1,4095}$/,
  ssm: /^(?=.{1,1011}$)(\/[A-Za-z0-9_.-]+){1,15}$/,
  secretsmanager: /^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]{1,32}:\d{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,519}(#[A-Za-z0-9_.-]{1,128})?$/,
} as const;

type Scheme = keyof typeof forms;

const split = (ref: string): { readonly scheme: Scheme; readonly rest: string } | undefined => {
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/s.exec(ref) ?? [];
  // `$` alone would let a newline pass at the end.
  if (!Object.hasOwn(forms, scheme) || rest.endsWith('\n')) return undefined;
  return forms[scheme as Scheme].test(rest) ? { scheme: scheme as Scheme, rest } : undefined;
};

/** The only forms a secret may be named in; a value written down by mistake is not one of them. */
export const secretRefSchema: z.ZodType<SecretRef> = z.string(`allowed is ${allowed}`).refine((ref) => split(ref) !== undefined, `allowed is ${allowed}`);

/** A secret that an AWS service keeps. `key` picks one text out of a JSON object. */
export type AwsPlace = { readonly kind: 'ssm'; readonly name: string } | { readonly kind: 'secretsmanager'; readonly id: string; readonly key: string | undefined };

export type SecretPlace = { readonly kind: 'env'; readonly name: string } | { readonly kind: 'file'; readonly path: string } | AwsPlace;

/** Where a reference points to. What is not a reference may be the secret itself, so the error does not repeat it. */
export const secretPlace = (ref: SecretRef): SecretPlace => {
  const found = split(ref);
  if (found === undefined) {
    throw new Error(`secret reference: found a text of ${ref.length} characters that is none (not shown: it may be the secret), allowed is ${allowed}`);
  }
  const { scheme, rest } = found;
  if (scheme === 'file') return { kind: 'file', path: rest };
  if (scheme !== 'secretsmanager') return { kind: scheme, name: rest };
  const [id = '', key] = rest.split('#');
  return { kind: 'secretsmanager', id, key };
};
