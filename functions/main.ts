import { enableCompileCache, flushCompileCache } from 'node:module';
import { parseArgs } from 'node:util';

/** Serves by a configuration file until SIGINT or SIGTERM; prints where it listens once it does. */
export const serveUntilStopped = async (configPath: string | undefined): Promise<void> => {
  // Most of a start is compiling, and a process that takes over a rollback has a second for all of it.
  enableCompileCache();
  const [{ loadConfig, readConfig }, { serve }, { environmentSecrets }, { systemClock }] = await Promise.all([
    import('./config.ts'),
    import('./serve.ts'),
    import('../infra/secrets/environment.ts'),
    import('../infra/clock.ts'),
  ]);
  const config = configPath === undefined ? readConfig({}) : await loadConfig(configPath);
  const serving = await serve({ config, secrets: environmentSecrets(systemClock) });
  const told = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  process.stdout.write(`sluice listens on ${serving.url}\n`);
  // The first alert shall not wait for the cluster client. Kept now, because a killed process keeps nothing.
  await import('@kubernetes/client-node');
  flushCompileCache();
  await told;
  await serving.stop();
};

if (import.meta.main) {
  const { values } = parseArgs({ options: { config: { type: 'string', short: 'c' } } });
  await serveUntilStopped(values.config);
}
