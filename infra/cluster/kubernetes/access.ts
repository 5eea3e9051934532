import http from 'node:http';
import https from 'node:https';
import type { Cluster as KubernetesCluster, KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../clock.ts';

/** Where the kubeconfig is, or its text. Relative paths inside a file are relative to the file, as kubectl has it. */
export type KubeconfigSource = { readonly path: string } | { readonly inline: string };

/** What one request needs beside its path: who we are, and the connections to use. */
export interface Access {
  readonly server: URL;
  readonly headers: http.OutgoingHttpHeaders;
  /** user:password for basic authentication. */
  readonly auth: string | undefined;
  readonly agent: http.Agent;
}

export interface AccessProvider {
  /** Credentials as they are now: exec plugins and token files are asked again when theirs expired. */
  access(): Promise<Access>;
  close(): void;
}

/** Idle connections older than this are not used again: load balancers drop them silently from 60 s on, and a frozen function does not notice. */
const longestIdleMs = 30_000;

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unreadable');

/**
 * The kubeconfig as client-node reads it, ready for one context of it.
 * No message here repeats what a parser or a plugin said: such text quotes the credentials it stumbled over.
 */
const load = async (source: KubeconfigSource, context: string | undefined): Promise<{ readonly config: KubeConfig; readonly cluster: KubernetesCluster }> => {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const where = 'path' in source ? `kubeconfig ${source.path}` : 'the inline kubeconfig';
  try {
    if ('path' in source) config.loadFromFile(source.path);
    else config.loadFromString(source.inline);
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
  return { config, cluster };
};

const closeIdle = (agent: http.Agent): void => {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
};

/** Asks client-node who we are, and keeps connections open, which its own client does not. */
export const openAccess = async (source: KubeconfigSource, context: string | undefined, clock: Clock): Promise<AccessProvider> => {
  const { config, cluster } = await load(source, context);
  const server = new URL(cluster.server);
  let agent: http.Agent | undefined;
  let agentFor = '';
  let lastUse = 0;

  const agentWith = (options: https.RequestOptions): http.Agent => {
    // Proxies are client-node's business; it makes one agent and keeps it.
    if (cluster.proxyUrl) return options.agent as http.Agent;
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    const tls = Object.fromEntries(Object.entries({ ca, cert, key, servername, rejectUnauthorized }).filter(([, value]) => value !== undefined));
    const identity = Object.values(tls).map(String).join('\n');
    if (agent === undefined || identity !== agentFor) {
      // A renewed client certificate needs connections of its own; those in use end with the requests they carry.
      if (agent !== undefined) closeIdle(agent);
      agent = server.protocol === 'http:' ? new http.Agent({ keepAlive: true }) : new https.Agent({ ...tls, keepAlive: true });
      agentFor = identity;
    }
    return agent;
  };

  return {
    async access() {
      const options: https.RequestOptions = {};
      try {
        await config.applyToHTTPSOptions(options);
      } catch (error) {
        throw new Error(`the credentials of user "${config.getCurrentUser()?.name}" could not be had (${codeOf(error)}): check its exec plugin, token file or certificates`);
      }
      const current = agentWith(options);
      const now = clock.now();
      // Asked before each request rather than by a timer: no timer runs while a function is frozen.
      if (now - lastUse > longestIdleMs) closeIdle(current);
      lastUse = now;
      return { server, headers: { ...(options.headers as http.OutgoingHttpHeaders) }, auth: options.auth ?? undefined, agent: current };
    },
    close() {
      agent?.destroy();
    },
  };
};
