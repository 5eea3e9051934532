import http from 'node:http';
import https from 'node:https';
import type { Clock } from '../../clock.ts';

/** Idle connections older than this are not used again: load balancers drop them silently from 60 s on, and a frozen function does not notice. */
const longestIdleMs = 30_000;

type Tls = { readonly [field in 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized']?: https.RequestOptions[field] };

const closeIdle = (agent: http.Agent): void => {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
};

/** The open connections to one API server. */
export const keptConnections = (clock: Clock) => {
  let agent: http.Agent | undefined;
  let agentFor = '';
  let lastUse = 0;
  return {
    /** The agent for one request. A renewed client certificate or CA needs connections of its own; those in use end with the requests they carry. */
    agent(server: URL, wanted: Tls): http.Agent {
      const tls = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
      const identity = [server.protocol, ...Object.values(tls).map(String)].join('\n');
      if (agent === undefined || identity !== agentFor) {
        if (agent !== undefined) closeIdle(agent);
        agent = server.protocol === 'http:' ? new http.Agent({ keepAlive: true }) : new https.Agent({ ...tls, keepAlive: true });
        agentFor = identity;
      }
      const now = clock.now();
      // Asked before each request rather than by a timer: no timer runs while a function is frozen.
      if (now - lastUse > longestIdleMs) closeIdle(agent);
      lastUse = now;
      return agent;
    },
    close: (): void => agent?.destroy(),
  };
};
