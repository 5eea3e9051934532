import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig, type Config } from '../../functions/config.ts';
import { serve, type Serving } from '../../functions/serve.ts';
import type { Cluster } from '../../infra/cluster/port.ts';
import type { Secrets } from '../../infra/secrets/port.ts';

export const token = 'of-the-bench';
/** Every secret is the same one; nothing of a bench lives longer than it. */
const secrets: Secrets = { read: () => Promise.resolve(token) };

/** As a small installation would have it: one person, a registry and Alertmanager, and a file on the disk. */
export const benchConfig = (database: string): Config =>
  readConfig({
    database,
    listen: { port: 0 },
    people: { bench: { tokens: ['env:BENCH'], role: 'operator' } },
    sources: { registry: { kind: 'distribution', tokens: ['env:BENCH'], perMinute: 100_000_000 }, alertmanager: { kind: 'alertmanager', tokens: ['env:BENCH'], perMinute: 100_000_000 } },
  });

/** All functions in this process on a database, with this cluster for every name and nothing else outside. */
export const served = (database: string, cluster: Cluster | undefined): Promise<Serving> =>
  serve({
    config: benchConfig(database),
    secrets,
    outer: {
      cluster: () => Promise.resolve(cluster),
      metrics: () => undefined,
      registry: { resolve: () => Promise.resolve({ outcome: 'unknown', reason: 'the bench has no registry' }) },
    },
  });

/** Runs `work` in a folder of its own on the disk, which is gone afterwards. */
export const inFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};
