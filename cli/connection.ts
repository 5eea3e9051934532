import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { exitCodes, Failure } from './exit.ts';
import type { Io } from './io.ts';

export interface Connection {
  readonly url: string;
  readonly token: string | undefined;
}

export const defaultUrl = 'http://127.0.0.1:8090';
const sessionFile = join('.sluice', 'session.json');
const sessionSchema = z.object({ url: z.string(), token: z.string() });

const readSession = (directory: string): z.infer<typeof sessionSchema> | undefined => {
  const path = join(directory, sessionFile);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return sessionSchema.parse(JSON.parse(text));
  } catch {
    throw new Failure(exitCodes.usage, 'badSession', `${path} is not {"url": ..., "token": ...}; remove it, or give --url and --token`);
  }
};

/**
 * Where the server is and how to prove who asks: options first, then the environment, then the session of a running `npm start`.
 * The session's token goes to the session's own address only.
 */
export const connectionOf = (options: { readonly url?: string; readonly token?: string }, io: Pick<Io, 'env' | 'directory'>): Connection => {
  const session = readSession(io.directory);
  const text = options.url ?? filled(io.env['SLUICE_URL']) ?? session?.url ?? defaultUrl;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new Failure(exitCodes.usage, 'badUrl', `${JSON.stringify(text)} is not an address; allowed is http://host:port or https://host`);
  const url = text.replace(/\/+$/, '');
  const ofSession = session !== undefined && session.url.replace(/\/+$/, '') === url ? session.token : undefined;
  return { url, token: options.token ?? filled(io.env['SLUICE_TOKEN']) ?? ofSession };
};

const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
