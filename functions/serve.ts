import type { AddressInfo } from 'node:net';
import type { DocumentId } from '../events/input.ts';
import { systemClock } from '../infra/clock.ts';
import type { Ports } from '../infra/ports.ts';
import { localSecrets } from '../infra/secrets/local.ts';
import type { Secrets } from '../infra/secrets/port.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import type { Config } from './config.ts';
import type { SandboxRoutes } from './http/served.ts';
import { createIngest } from './ingest.ts';
import { outerPorts } from './ports.ts';
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
}

/** All functions in one process, embedded: HTTP, workers, and a sleeper in place of the schedule. Finds unfinished work when it starts. */
export const serve = async ({ config, secrets = localSecrets(), outer, sandbox }: ServeOptions): Promise<Serving> => {
  const clock = systemClock;
  const embedded = openSqlite(config.database, { clock });
  await embedded.reclaim();
  const listeners = new Set<(document: DocumentId) => void>();
  const saved = (document: DocumentId): void => {
    for (const listener of listeners) listener(document);
  };
  const ports = {
    ...(outer ?? outerPorts(config, secrets, clock)),
    clock,
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
  const app = await createIngest({
    config,
    secrets,
    ports,
    ...(sandbox === undefined ? {} : { sandbox }),
    onSaved: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const stopping = new AbortController();
  const sleeping = sleeper(ports.store, ports.queue, clock, (error) => app.log.error(error));
  listeners.add(() => sleeping.nudge());
  const working = work(ports, stopping.signal);
  await app.listen({ host: config.listen.host, port: config.listen.port });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://${config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host}:${port}`,
    ports,
    async stop() {
      await app.close();
      sleeping.stop();
      stopping.abort();
      await working;
      await embedded.close();
    },
  };
};
