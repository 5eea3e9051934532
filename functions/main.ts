import { parseArgs } from 'node:util';
import { loadConfig, readConfig } from './config.ts';
import { serve } from './serve.ts';

/** Serves by a configuration file until SIGINT or SIGTERM; prints where it listens once it does. */
export const serveUntilStopped = async (configPath: string | undefined): Promise<void> => {
  const serving = await serve({ config: configPath === undefined ? readConfig({}) : await loadConfig(configPath) });
  process.stdout.write(`sluice listens on ${serving.url}\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await serving.stop();
};

if (import.meta.main) {
  const { values } = parseArgs({ options: { config: { type: 'string', short: 'c' } } });
  await serveUntilStopped(values.config);
}
