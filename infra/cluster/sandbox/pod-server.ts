import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Env } from './image-registry.ts';

/** How one pod answers, and what it has counted. */
export interface PodBehaviour {
  readonly version: string;
  /** Share of requests answered 500, 0 to 1. */
  readonly errorRate: number;
  readonly delayMs: number;
}

export const behaviourOf = (env: Env): PodBehaviour => ({
  version: env['VERSION'] ?? '',
  errorRate: Number(env['ERROR_RATE'] ?? 0) || 0,
  delayMs: Number(env['DELAY_MS'] ?? 0) || 0,
});

const metricsText = (version: string, counts: { readonly ok: number; readonly bad: number }): string =>
  ['# TYPE http_requests_total counter', ...[['200', counts.ok] as const, ['500', counts.bad] as const].map(([code, n]) => `http_requests_total{version=${JSON.stringify(version)},code="${code}"} ${n}`), ''].join('\n');

/**
 * Serves one pod on a free loopback port: its version at every path, `/healthz`, and `/metrics` in Prometheus text format.
 * `onListening` comes once the port is open. Closing
 * it refuses new connections and cuts those there are.
 */
export const startPodServer = (behaviour: PodBehaviour, random: () => number, onListening: (port: number) => void): { close(): void } => {
  const counts = { ok: 0, bad: 0 };
  const server: Server = createServer((request, response) => {
    if (request.url === '/healthz') return void response.end('ok\n');
    if (request.url === '/metrics') return void response.setHeader('Content-Type', 'text/plain; version=0.0.4').end(metricsText(behaviour.version, counts));
    request.resume();
    setTimeout(() => {
      const failed = random() < behaviour.errorRate;
      counts[failed ? 'bad' : 'ok'] += 1;
      response.writeHead(failed ? 500 : 200, { 'X-Version': behaviour.version, 'Content-Type': 'text/plain' }).end(`${behaviour.version}\n`);
    }, behaviour.delayMs);
  });
  // Longer than any proxy keeps an idle connection, so that none is closed under a request.
  server.keepAliveTimeout = 300_000;
  let closed = false;
  const close = (): void => {
    closed = true;
    server.close();
    server.closeAllConnections();
  };
  server.listen(0, '127.0.0.1', () => {
    if (closed) server.close();
    else onListening((server.address() as AddressInfo).port);
  });
  return { close };
};
