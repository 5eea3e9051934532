import * as z from 'zod';
import { secretRefSchema } from '../infra/secrets/reference.ts';

const context = z.string().min(1).optional();
const certificate = z.string().regex(/^-----BEGIN CERTIFICATE-----\n[\s\S]+-----END CERTIFICATE-----\s*$/, 'a certificate in PEM, or a secret that is one');

const eks = z.strictObject({
  name: z.string('the name of the EKS cluster').regex(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/, 'the name of the EKS cluster'),
  region: z.string('a region, like eu-central-1').regex(/^[a-z]+(-[a-z]+)+-\d{1,2}$/, 'a region, like eu-central-1'),
  role: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/, 'the ARN of a role, like arn:aws:iam::123456789012:role/sluice')
    .optional(),
});

/** By the field that tells them apart; a cluster without any of these has a kubeconfig, be it the environment's. */
const ways = {
  kubeconfig: z.strictObject({ kubeconfig: z.string().min(1).optional(), context }),
  kubeconfigFrom: z.strictObject({ kubeconfigFrom: secretRefSchema, context }),
  server: z.strictObject({
    server: z.url({ protocol: /^https$/, error: 'an https URL: over http the token could be read by anybody on the way' }),
    ca: z.union([certificate, secretRefSchema], 'a certificate in PEM, or a secret that is one').optional(),
    token: secretRefSchema,
  }),
  eks: z.strictObject({ eks }),
} as const;

type Ways = typeof ways;
type Written = { [Way in keyof Ways]: z.input<Ways[Way]> }[keyof Ways];

/** How a cluster is reached. */
export type ClusterConfig = { [Way in keyof Ways]: z.output<Ways[Way]> }[keyof Ways];

const names = Object.keys(ways) as readonly (keyof Ways)[];

/** Not a union, which says of a mistake only that no branch fits: people want to know what is wrong with the one they meant. */
export const clusterSchema = z.custom<Written>().transform((written: unknown, context): ClusterConfig => {
  const named = names.filter((name) => typeof written === 'object' && written !== null && Object.hasOwn(written, name));
  if (named.length > 1) {
    context.addIssue({ code: 'custom', message: `has ${named.join(' and ')}; allowed is one of ${names.join(', ')}` });
    return z.NEVER;
  }
  const parsed = ways[named[0] ?? 'kubeconfig'].safeParse(written);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path: [...path], message });
  return z.NEVER;
});
