import { open } from 'node:fs/promises';
import type { Secrets } from './port.ts';
import { secretPlace } from './reference.ts';

/** Bytes of a secret file that are accepted; a key or token is far smaller, a wrong path may be anything. */
const largestFile = 65_536;

/**
 * Secrets of this process: environment variables, and files as Kubernetes and systemd mount them. Read anew each time, so a
 * rotated file counts at once. One newline at a file's end belongs to the file, not to the secret. An empty secret is an error,
 * because an empty token would match an empty header.
 */
export const localSecrets = (environment: Readonly<Record<string, string | undefined>> = process.env): Secrets => ({
  async read(ref) {
    const place = secretPlace(ref);
    if (place.kind === 'ssm' || place.kind === 'secretsmanager') {
      throw new Error(`secret ${ref}: this process has no AWS secrets; AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not all in its environment`);
    }
    const value = place.kind === 'env' ? fromEnvironment(environment, place.name, ref) : await fromFile(place.path, ref);
    if (value === '') throw new Error(`secret ${ref}: is empty`);
    return value;
  },
});

const fromEnvironment = (environment: Readonly<Record<string, string | undefined>>, name: string, ref: string): string => {
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (value === undefined) throw new Error(`secret ${ref}: there is no environment variable ${name}`);
  return value;
};

const fromFile = async (path: string, ref: string): Promise<string> => {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`secret ${ref}: cannot be opened (${error.code ?? 'unknown error'})`);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`secret ${ref}: is not a regular file`);
    if (stat.size > largestFile) throw new Error(`secret ${ref}: found ${stat.size} bytes, allowed are ${largestFile}`);
    return (await file.readFile('utf8')).replace(/\r?\n$/, '');
  } finally {
    await file.close();
  }
};
