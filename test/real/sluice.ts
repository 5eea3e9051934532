import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WrittenConfig } from '../../functions/config.ts';
import { kubeconfigPath } from './helpers.ts';
import { access, sluiceAt, tokens, type SluiceClient } from './sluice-client.ts';

const main = fileURLToPath(new URL('../../functions/main.ts', import.meta.url));
const startsWithinMs = 20_000;

export interface SluiceOptions {
  /** The port that the kit's registry sends its notifications to is 8090; without one a free port is taken and pushes are not heard of. */
  readonly port?: number;
  /** Default: the kit's own. */
  readonly kubeconfig?: string;
}

/** A running `sluice serve`, told and asked over HTTP alone. It keeps its port and its database over `kill` and `start`. */
export interface Sluice extends SluiceClient {
  /** Starts the process again; resolves when it listens. Returns when it was spawned, milliseconds since the epoch. */
  start(): Promise<number>;
  /** kill -9, and waits until the process is gone. */
  kill(): Promise<void>;
  /** Ends it as an operator would and removes its database. Rejects when the process did not end well. */
  stop(): Promise<void>;
}

/** A port that nobody listens on now. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

export const logTo = (name: string): string => {
  const { SLUICE_REAL_DIR: dir, SLUICE_REAL_NAME: run } = process.env;
  return dir === undefined || run === undefined ? '/dev/null' : join(dir, 'run', run, 'log', `${name}.log`);
};

/** Starts Sluice as a process of its own, with a database in a file, and waits until it listens. */
export const startSluice = async (name: string, options: SluiceOptions = {}): Promise<Sluice> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const config: WrittenConfig = {
    listen: { host: '127.0.0.1', port },
    database: join(folder, 'sluice.db'),
    ...access,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const log = createWriteStream(logTo(`sluice-${name}`), { flags: 'a' });
  let child: ChildProcess | undefined;

  const start = async (): Promise<number> => {
    const spawnedAt = Date.now();
    const started = spawn(process.execPath, [main, '--config', join(folder, 'config.json')], {
      env: { ...process.env, KUBECONFIG: options.kubeconfig ?? kubeconfigPath(), ...tokens },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    started.stderr.pipe(log, { end: false });
    // It says one line, once it listens.
    const listening = once(createInterface({ input: started.stdout }), 'line', { signal: AbortSignal.timeout(startsWithinMs) });
    const gone = once(started, 'exit').then(([code]) => {
      throw new Error(`sluice ${name} ended with ${String(code)} before it listened; its log says why`);
    });
    gone.catch(() => undefined);
    await Promise.race([listening, gone]);
    return spawnedAt;
  };

  const ended = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    ending.kill(signal);
    await once(ending, 'exit');
  };

  await start();
  return {
    start,
    kill: () => ended('SIGKILL'),
    async stop() {
      const ending = child;
      await ended('SIGTERM');
      log.end();
      await rm(folder, { recursive: true });
      if (ending !== undefined && ending.exitCode !== 0) throw new Error(`sluice ${name} ended with ${ending.exitCode ?? ending.signalCode}; its log says why`);
    },
    ...sluiceAt(url),
  };
};
