import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import * as z from 'zod';
import { namePattern } from '../statemachines/definition/names.ts';
import { spellPath } from '../statemachines/definition/spell-path.ts';
import { secretRefSchema } from '../infra/secrets/reference.ts';
import { clusterSchema } from './cluster-config.ts';

/** Largest body of any request. */
export const largestBody = 1_048_576;

const name = z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'lower-case letters, digits and dashes');
const token = z.union([secretRefSchema, z.strictObject({ secret: secretRefSchema, until: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)) })]);
/** Two at once let a token be changed without a gap. */
const tokens = z.array(token).min(1).max(4);
const rollouts = z
  .array(z.string().regex(namePattern, 'namespace/name, where * stands for all'))
  .min(1)
  .max(100)
  .optional();

const source = z
  .strictObject({
    kind: z.enum(['distribution', 'alertmanager']),
    tokens: tokens.optional().meta({ description: 'Sent as `Authorization: Bearer`.' }),
    signature: z
      .strictObject({ header: z.string().min(1), algorithm: z.enum(['sha1', 'sha256']), keys: tokens })
      .optional()
      .meta({ description: 'An HMAC over the raw body, where the sender can sign.' }),
    rollouts: rollouts.meta({ description: 'What this source may speak of: `namespace/name`, `namespace/*`. All of them when absent.' }),
    maxBytes: z.int().min(1_024).max(largestBody).default(largestBody).meta({ description: 'Larger bodies are refused before they are read.' }),
    perMinute: z.int().min(1).max(100_000_000).default(6_000).meta({ description: 'Requests from one address; more are answered 429.' }),
    hosts: z.record(z.string(), z.string()).optional().meta({ description: "The registry's name in its notifications -> its name in images." }),
  })
  .refine((one) => one.tokens !== undefined || one.signature !== undefined, 'a source needs tokens or a signature; nothing is let in without either');

const auth = z.union([
  z.strictObject({ username: secretRefSchema, password: secretRefSchema }),
  z.strictObject({ token: secretRefSchema }),
]);

const schema = z.strictObject({
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).default(8090) }).prefault({}),
  database: z.string().min(1).default('sluice.db'),
  clusters: z.record(name, clusterSchema).default({ default: {} }),
  sources: z.record(name, source).default({}),
  people: z.record(name, z.strictObject({ tokens, role: z.enum(['viewer', 'operator']), rollouts })).default({}),
  registries: z.record(z.string(), z.strictObject({ username: secretRefSchema.optional(), password: secretRefSchema.optional(), insecure: z.boolean().default(false) })).default({}),
  metrics: z.record(name, z.strictObject({ kind: z.literal('prometheus'), url: z.url(), auth: auth.optional() })).default({}),
  remoteWrite: z
    .strictObject({ url: z.url(), auth: auth.optional(), everySeconds: z.int().min(1).max(3_600).default(60), instance: z.string().min(1).default('sluice') })
    .optional()
    .meta({ description: "Where Sluice's own metrics are sent by Prometheus remote write." }),
  tracing: z
    .strictObject({ otlp: z.strictObject({ url: z.url(), headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/, 'a header name'), secretRefSchema).optional() }) })
    .optional()
    .meta({ description: 'Where spans of releases are sent by OTLP/HTTP.' }),
  outbound: z.strictObject({ private: z.boolean().default(true), loopback: z.boolean().default(false) }).prefault({}).meta({ description: 'Addresses that registries, metrics and collectors may have besides public ones.' }),
  anonymousReads: z.boolean().default(false).meta({ description: 'Views without a token; only while listening on loopback.' }),
});

export type Config = z.output<typeof schema>;
export type WrittenConfig = z.input<typeof schema>;

/** Fills in defaults. Throws one error that lists every mistake with its place. */
export const readConfig = (written: unknown, where = 'configuration'): Config => {
  const parsed = schema.safeParse(written ?? {});
  if (!parsed.success)
    throw new Error(parsed.error.issues.map((issue) => `${where}: ${spellPath(issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part)))}: ${issue.message}`).join('\n'));
  const { anonymousReads, listen } = parsed.data;
  if (anonymousReads && !isLoopback(listen.host)) throw new Error(`${where}: anonymousReads is only for a server that listens on loopback; it listens on ${listen.host}`);
  return parsed.data;
};

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** What a file says: YAML, or JSON by its ending, for which nothing must be loaded first. */
export const readWritten = async (path: string): Promise<unknown> => {
  const text = await readFile(path, 'utf8');
  if (path.endsWith('.json')) return JSON.parse(text);
  const { parse } = await import('yaml');
  return parse(text);
};

/** Reads a configuration file; a relative database path is meant from the file's folder. */
export const loadConfig = async (path: string): Promise<Config> => {
  const config = readConfig(await readWritten(path), path);
  return { ...config, database: isAbsolute(config.database) || config.database === ':memory:' ? config.database : resolve(dirname(path), config.database) };
};
