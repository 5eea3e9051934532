import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Json } from '../../events/input.ts';
import { waitUntil } from './helpers.ts';
import { freePort } from './sluice.ts';

/** A Prometheus of the test's own that takes remote writes and knows the alert rules of the docs. */
export interface OwnPrometheus {
  readonly url: string;
  /** Begins to scrape, each second, with this bearer token; replaces what was scraped before. */
  scrape(url: string, token: string): Promise<void>;
  /** Asks the HTTP API: `query`, `rules` ... Rejects with its message when it says that something is wrong. */
  api(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
  /** The number a query gives now, or at a time in milliseconds; undefined where it gives nothing. */
  number(query: string, at?: number): Promise<number | undefined>;
  stop(): Promise<void>;
}

export const startOwnPrometheus = async (): Promise<OwnPrometheus> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-own-prometheus-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const file = join(folder, 'prometheus.yml');
  const configure = (scraped: readonly Json[]): Promise<void> =>
    writeFile(file, JSON.stringify({ global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' }, rule_files: [resolve('docs/alert-rules.yml')], scrape_configs: scraped }));
  await configure([]);
  const log = createWriteStream(join(folder, 'log'));
  const server = spawn('prometheus', [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--web.enable-remote-write-receiver', '--web.enable-lifecycle'], { stdio: ['ignore', 'ignore', 'pipe'] });
  server.stderr.pipe(log);
  await waitUntil('Prometheus is ready', () => fetch(`${url}/-/ready`).then(({ ok }) => ok, () => false));

  const api: OwnPrometheus['api'] = async (path, parameters = {}) => {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const answer = (await response.json()) as { status: string; error?: string; data: unknown };
    if (answer.status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${answer.error}`);
    return answer.data;
  };
  return {
    url,
    api,
    scrape: async (target, token) => {
      const { host, pathname } = new URL(target);
      await configure([{ job_name: 'sluice', metrics_path: pathname, authorization: { type: 'Bearer', credentials: token }, static_configs: [{ targets: [host] }] }]);
      const { ok } = await fetch(`${url}/-/reload`, { method: 'POST' });
      if (!ok) throw new Error('Prometheus did not take its configuration');
    },
    number: async (query, at) => {
      const { result } = (await api('query', { query, ...(at === undefined ? {} : { time: String(at / 1_000) }) })) as { result: readonly { value: readonly [number, string] }[] };
      if (result.length > 1) throw new Error(`${query} gives ${result.length} series`);
      return result[0] === undefined ? undefined : Number(result[0].value[1]);
    },
    stop: async () => {
      server.kill('SIGTERM');
      if (server.exitCode === null) await once(server, 'exit');
      log.end();
      await rm(folder, { recursive: true });
    },
  };
};
