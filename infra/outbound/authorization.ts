import type { SecretRef, Secrets } from '../secrets/port.ts';

/** How a server is shown who is calling. */
export type Auth = { readonly username: SecretRef; readonly password: SecretRef } | { readonly token: SecretRef };

/** The value of the Authorization header; the secrets are read anew each time. Throws what reading them throws. */
export const authorization = async (auth: Auth, secrets: Secrets): Promise<string> => {
  if ('token' in auth) return `Bearer ${await secrets.read(auth.token)}`;
  const [username, password] = await Promise.all([secrets.read(auth.username), secrets.read(auth.password)]);
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
};
