import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Json } from '../../events/input.ts';
import type { WrittenConfig } from '../../functions/config.ts';
import type { JournalRow } from '../../statemachines/document.ts';
import type { RolloutView } from '../../statemachines/view.ts';
import { kubeconfigPath } from './helpers.ts';

const main = fileURLToPath(new URL('../../functions/main.ts', import.meta.url));
const hook = process.env['SLUICE_REAL_HOOK_AUTHORIZATION']?.replace(/^Bearer /, '') ?? '';
export const alertToken = 'alerts-token';
const personToken = 'person-token';
const startsWithinMs = 20_000;
const answersWithinMs = 15_000;

export interface Alert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: Date;
}

export interface SluiceOptions {
  /** The port that the kit's registry sends its notifications to is 8090; without one a free port is taken and pushes are not heard of. */
  readonly port?: number;
  /** Default: the kit's own. */
  readonly kubeconfig?: string;
}

/** A running `sluice serve`, told and asked over HTTP alone. It keeps its port and its database over `kill` and `start`. */
export interface Sluice {
  readonly url: string;
  /** Starts the process again; resolves when it listens. Returns when it was spawned, milliseconds since the epoch. */
  start(): Promise<number>;
  /** kill -9, and waits until the process is gone. */
  kill(): Promise<void>;
  /** Ends it as an operator would and removes its database. Rejects when the process did not end well. */
  stop(): Promise<void>;
  apply(definition: Json): Promise<void>;
  /** Sends an order; the answer says what became of it. */
  command(rollout: string, command: { readonly type: string; readonly [field: string]: Json | undefined }): Promise<{ readonly outcome?: string; readonly said?: string }>;
  view(rollout: string): Promise<RolloutView>;
  journal(rollout: string, release: number): Promise<readonly JournalRow[]>;
  /** The rollout's own journal: pushes, orders to start, releases that ended. */
  rolloutJournal(rollout: string): Promise<readonly JournalRow[]>;
  /** Does the journal, fed through the machine again, reach the same states? */
  replays(rollout: string, release: number): Promise<Json>;
  deadLetters(): Promise<readonly Json[]>;
  /** As Alertmanager posts it; resolves when Sluice has answered. */
  alert(alert: Alert): Promise<void>;
}

/** A port that nobody listens on now. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

const logTo = (name: string): string => {
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
    sources: { registry: { kind: 'distribution', tokens: ['env:HOOK_TOKEN'] }, alerts: { kind: 'alertmanager', tokens: ['env:ALERT_TOKEN'] } },
    people: { tester: { tokens: ['env:PERSON_TOKEN'], role: 'operator' } },
    registries: { '127.0.0.1:5000': { insecure: true } },
    outbound: { private: true, loopback: true },
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const log = createWriteStream(logTo(`sluice-${name}`), { flags: 'a' });
  let child: ChildProcess | undefined;

  const start = async (): Promise<number> => {
    const spawnedAt = Date.now();
    const started = spawn(process.execPath, [main, '--config', join(folder, 'config.json')], {
      env: { ...process.env, KUBECONFIG: options.kubeconfig ?? kubeconfigPath(), HOOK_TOKEN: hook, ALERT_TOKEN: alertToken, PERSON_TOKEN: personToken },
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

  const ask = async (method: string, path: string, body?: Json, token = personToken): Promise<unknown> => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(answersWithinMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return JSON.parse(text);
  };

  const rows = async (rollout: string, release: number): Promise<readonly JournalRow[]> =>
    ((await ask('GET', `/api/rollouts/${rollout}/events?release=${release}`)) as { rows: JournalRow[] }).rows;

  await start();
  return {
    url,
    start,
    kill: () => ended('SIGKILL'),
    async stop() {
      const ending = child;
      await ended('SIGTERM');
      log.end();
      await rm(folder, { recursive: true });
      if (ending !== undefined && ending.exitCode !== 0) throw new Error(`sluice ${name} ended with ${ending.exitCode ?? ending.signalCode}; its log says why`);
    },
    async apply(definition) {
      await ask('PUT', '/api/rollouts', { text: JSON.stringify(definition) });
    },
    command: async (rollout, command) => (await ask('POST', `/api/rollouts/${rollout}/commands`, command)) as { outcome?: string; said?: string },
    view: async (rollout) => ((await ask('GET', `/api/rollouts/${rollout}`)) as { rollout: RolloutView }).rollout,
    journal: rows,
    rolloutJournal: (rollout) => rows(rollout, 0),
    replays: async (rollout, release) => (await ask('GET', `/api/rollouts/${rollout}/releases/${release}/replay`)) as Json,
    deadLetters: async () => ((await ask('GET', '/api/dead-letters')) as { deadLetters: Json[] }).deadLetters,
    async alert({ status, labels, startsAt }) {
      const fingerprint = createHash('sha256').update(JSON.stringify(labels)).digest('hex').slice(0, 16);
      const alert = { status, labels: { ...labels }, annotations: {}, startsAt: startsAt.toISOString(), endsAt: '0001-01-01T00:00:00Z', generatorURL: '', fingerprint };
      await ask('POST', '/hooks/alerts', { version: '4', groupKey: '{}', truncatedAlerts: 0, status, receiver: 'sluice', alerts: [alert] }, alertToken);
    },
  };
};
