import type { AddressInfo } from 'node:net';
import type { DocumentId } from '../events/input.ts';
import { systemClock } from '../infra/clock.ts';
import type { Ports } from '../infra/ports.ts';
import { localSecrets } from '../infra/secrets/local.ts';
import type { Secrets } from '../infra/secrets/port.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import { openTracing } from '../infra/tracing/open.ts';
import type { Tracing } from '../infra/tracing/port.ts';
import type { Config } from './config.ts';
import { createApi } from './api.ts';
import type { SandboxRoutes, Served } from './http/served.ts';
import { createIngest } from './ingest.ts';
import { outerPorts } from './ports.ts';
import { keepPushing } from './telemetry.ts';
import { sleeper } from '../infra/worker/wake.ts';
import { work } from './worker.ts';

export interface Serving {
  /** Where it listens, e.g. `http://127.0.0.1:8090`. */
  readonly url: string;
  readonly ports: Ports;
  /** Takes no new work, finishes what was begun, and closes everything. */
  stop(): Promise<void>;
}

export interface ServeOptions {
  readonly config: Config;
  readonly secrets?: Secrets;
  /** Stands in for the configured cluster, registry and metrics: the sandbox. */
  readonly outer?: Pick<Ports, 'cluster' | 'metrics' | 'registry'>;
  readonly sandbox?: SandboxRoutes;
  /** Where lines go instead of standard output. */
  readonly log?: Tracing['log'];
}

/** All functions in one process, embedded: HTTP, workers, and a sleeper in place of the schedule. Finds unfinished work when it starts. */
export const serve = async ({ config, secrets = localSecrets(), outer, sandbox, log }: ServeOptions): Promise<Serving> => {
  const clock = systemClock;
  const tracing = await openTracing({ otlp: config.tracing?.otlp, secrets, allow: config.outbound, ...(log === undefined ? {} : { log }) });
  const embedded = openSqlite(config.database, { clock });
  await embedded.reclaim();
  const listeners = new Set<(document: DocumentId) => void>();
  const saved = (document: DocumentId): void => {
    for (const listener of listeners) listener(document);
  };
  const ports = {
    ...(outer ?? outerPorts(config, secrets, clock)),
    clock,
    tracing,
    queue: embedded.queue,
    store: {
      ...embedded.store,
      save: async (document, expected, journal, counts) => {
        const result = await embedded.store.save(document, expected, journal, counts);
        if (result.ok) saved(document.id);
        return result;
      },
    },
  } satisfies Ports;
  const served = {
    config,
    secrets,
    ports,
    ...(sandbox === undefined ? {} : { sandbox }),
    onSaved: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } satisfies Served;
  const app = await createApi(served, createIngest(served));
  const stopping = new AbortController();
  const sleeping = sleeper(ports.store, ports.queue, clock, (error) => tracing.log('error', 'what is due could not be woken', { reason: String(error) }));
  listeners.add(() => sleeping.nudge());
  const working = work(ports, stopping.signal);
  const stopPushing = keepPushing(ports, config, secrets, (pushed) => tracing.log('warn', 'the metrics were not taken', pushed));
  await app.listen({ host: config.listen.host, port: config.listen.port });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://${config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host}:${port}`,
    ports,
    async stop() {
      await app.close();
      stopPushing();
      sleeping.stop();
      stopping.abort();
      await working;
      await embedded.close();
      await tracing.close();
    },
  };
};
