import type http from 'node:http';
import type https from 'node:https';
import type { Cluster as KubernetesCluster, KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../clock.ts';
import { afterRefusal, type SecretRef, type Secrets } from '../../secrets/port.ts';
import { keptConnections } from './connections.ts';

/**
 * Where the kubeconfig is, its text, or the secret that is its text. Relative paths inside a file are relative to the file, as
 * kubectl has it. One that is stored as a secret may name no program to run.
 */
export type KubeconfigSource = { readonly path: string } | { readonly inline: string } | { readonly secret: SecretRef; readonly secrets: Secrets };

/** What one request needs beside its path: who we are, and the connections to use. */
export interface Access {
  readonly server: URL;
  readonly headers: http.OutgoingHttpHeaders;
  /** user:password for basic authentication. */
  readonly auth: string | undefined;
  readonly agent: http.Agent;
}

export interface AccessProvider {
  /**
   * Credentials as they are now: asked before each request.
   * @param refused what the server has just answered 401 to; everything is read anew, and may turn out to be the same.
   */
  access(refused?: Access): Promise<Access>;
  close(): void;
}

/** Whether the server would see the same caller, so that asking again is in vain. */
export const sameCaller = (a: Access, b: Access): boolean =>
  a.headers['authorization'] === b.headers['authorization'] && a.auth === b.auth && a.agent === b.agent && a.server.href === b.server.href;

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unreadable');

const nameOf = (source: KubeconfigSource): string => {
  if ('path' in source) return `kubeconfig ${source.path}`;
  return 'secret' in source ? `kubeconfig of secret ${source.secret}` : 'the inline kubeconfig';
};

interface Loaded {
  readonly config: KubeConfig;
  readonly cluster: KubernetesCluster;
}

/**
 * The kubeconfig as client-node reads it, ready for one context of it.
 * No message here repeats what a parser or a plugin said: such text quotes the credentials it stumbled over.
 */
const load = async (source: KubeconfigSource, context: string | undefined, again: boolean): Promise<Loaded> => {
  const text = 'secret' in source ? await source.secrets.read(source.secret, again ? afterRefusal : {}) : undefined;
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const where = nameOf(source);
  try {
    if ('path' in source) config.loadFromFile(source.path);
    else config.loadFromString('inline' in source ? source.inline : (text ?? ''));
  } catch (error) {
    throw new Error(`${where} cannot be loaded (${codeOf(error)}): expected a file in kubeconfig format, YAML or JSON`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const known = config.getContexts().map((each) => each.name);
    throw new Error(`${where} has no cluster for context "${config.getCurrentContext()}"; its contexts: ${known.join(', ') || 'none'}`);
  }
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify) {
    throw new Error(`${where} names ${cluster.server}, which would carry credentials in clear text: use https, or set insecure-skip-tls-verify if that is meant`);
  }
  const user = config.getCurrentUser();
  if ('secret' in source && (user?.exec || user?.authProvider)) {
    throw new Error(`${where}: user "${user.name}" gets its credentials from a program, and a stored kubeconfig may start none. For EKS configure eks: {name, region} instead; else put a token or a client certificate into it`);
  }
  return { config, cluster };
};

/** Asks client-node who we are, and keeps connections open, which its own client does not. */
export const openAccess = async (source: KubeconfigSource, context: string | undefined, clock: Clock): Promise<AccessProvider> => {
  const connections = keptConnections(clock);
  let loaded = await load(source, context, false);

  const optionsOf = async ({ config }: Loaded): Promise<https.RequestOptions> => {
    const options: https.RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      const user = config.getCurrentUser();
      const eks = user?.exec ? '; for EKS there is eks: {name, region}, which needs no program' : '';
      throw new Error(`the credentials of user "${user?.name}" could not be had (${codeOf(error)}): check its exec plugin, token file or certificates${eks}`);
    }
    return options;
  };

  return {
    async access(refused) {
      if (refused !== undefined) loaded = await load(source, context, true);
      const { cluster } = loaded;
      const options = await optionsOf(loaded);
      const server = new URL(cluster.server);
      const { ca, cert, key, servername, rejectUnauthorized } = options;
      // Proxies are client-node's business; it makes one agent and keeps it.
      const agent = cluster.proxyUrl ? (options.agent as http.Agent) : connections.agent(server, { ca, cert, key, servername, rejectUnauthorized });
      // client-node spells the header with a capital; one spelling is enough to compare.
      const headers = Object.fromEntries(Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
      return { server, headers, auth: options.auth ?? undefined, agent };
    },
    close: () => connections.close(),
  };
};
