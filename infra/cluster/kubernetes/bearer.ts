import type { Clock } from '../../clock.ts';
import { afterRefusal, type SecretRef, type Secrets } from '../../secrets/port.ts';
import type { AccessProvider } from './access.ts';
import { keptConnections } from './connections.ts';

export interface Server {
  readonly url: string;
  /** PEM of who signed the server's certificate; the authorities that Node knows when absent. */
  readonly ca: string | undefined;
}

export interface BearerOptions {
  readonly server: () => Promise<Server>;
  /** @param refused the server has just answered 401 to the token given before. */
  readonly token: (refused: boolean) => Promise<string>;
  readonly clock: Clock;
}

/** A server that knows us by a token which changes from time to time, without a kubeconfig and without client-node. */
export const bearerAccess = ({ server, token, clock }: BearerOptions): AccessProvider => {
  const connections = keptConnections(clock);
  return {
    async access(refused) {
      const [{ url, ca }, given] = await Promise.all([server(), token(refused !== undefined)]);
      const address = new URL(url);
      return { server: address, headers: { authorization: `Bearer ${given}` }, auth: undefined, agent: connections.agent(address, { ca }) };
    },
    close: () => connections.close(),
  };
};

export interface TokenServer {
  readonly server: string;
  /** A secret, or the PEM itself, which is none. */
  readonly ca?: SecretRef;
  readonly token: SecretRef;
}

/**
 * A server and the token of a service account. Both secrets are looked up before each request, so a token that is renewed in its
 * place counts. When that look-up fails, what it gave before is used again: the API server judges whether it is still good, and a
 * way back must not wait for a store of secrets.
 */
export const tokenAccess = ({ server, ca, token }: TokenServer, secrets: Secrets, clock: Clock): AccessProvider => {
  const last = new Map<SecretRef, string>();
  const look = async (ref: SecretRef, refused = false): Promise<string> => {
    const read = secrets.read(ref, refused ? afterRefusal : {});
    const found = await read.catch((error: unknown) => {
      const before = last.get(ref);
      if (before === undefined) throw error;
      return before;
    });
    last.set(ref, found);
    return found;
  };
  const authority = async (): Promise<string | undefined> => (ca === undefined || ca.startsWith('-----BEGIN ') ? ca : look(ca));
  // Written by hand, a token often ends with a newline, which no header may hold.
  return bearerAccess({ server: async () => ({ url: server, ca: await authority() }), token: async (refused) => (await look(token, refused)).trim(), clock });
};
