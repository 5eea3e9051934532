import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { functionStarts } from './cold-start/functions.ts';
import type { Bench } from './row.ts';
import { spread } from './statistics.ts';
import { inFolder } from './world/served.ts';

const pathOf = (file: string): string => new URL(`../${file}`, import.meta.url).pathname;

/** Milliseconds from starting Node with these arguments until its first output holds `sign`; the process is ended then. */
const untilOutput = async (sign: string, ...args: readonly string[]): Promise<number> => {
  const begun = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.includes(sign)) break;
  }
  const took = performance.now() - begun;
  child.kill('SIGKILL');
  await exit;
  if (!said.includes(sign)) throw new Error(`node ${args.join(' ')} ended without saying "${sign}"`);
  return took;
};

const repeated = async (times: number, once: () => Promise<number>): Promise<readonly number[]> => {
  const samples: number[] = [];
  for (let i = 0; i < times; i++) samples.push(await once());
  return samples;
};

/** From nothing to working: straight from the sources, and as functions on AWS, whose bundles have neither types to strip nor files to find. */
export const coldStart: Bench = {
  about: "process start until serve listens; the functions' bundles under AWS's runtime client, where that is installed",
  run: ({ quick }) =>
    inFolder(async (folder) => {
      const times = quick ? 1 : 10;
      const config = join(folder, 'sluice.yaml');
      await writeFile(config, `database: ${join(folder, 'cold.db')}\nlisten: {port: 0}\n`);
      const bare = await repeated(times, () => untilOutput('imported', '--input-type=module', '-e', "process.stdout.write('imported')"));
      const baseline = { ...spread(bare, 'ms'), what: 'node that does nothing' };
      const row = (what: string, samples: readonly number[]) => {
        const measured = spread(samples, 'ms');
        return { what, measured, baseline, ratio: measured.p50 / baseline.p50 };
      };
      return [
        row('process start -> serve listens', await repeated(times, () => untilOutput('listens on', pathOf('functions/main.ts'), '--config', config))),
        ...(await functionStarts(folder, times)),
      ];
    }),
};
