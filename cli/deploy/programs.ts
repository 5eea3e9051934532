import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { exitCodes, Failure } from '../exit.ts';
import type { Io } from '../io.ts';

/** The programs of the checkout that a deployment is made with. */
export interface Programs {
  /** Writes the bundles, with this configuration. */
  bundle(config: string): Promise<void>;
  /** Runs osls on the checkout's serverless.yml and answers what it wrote to standard output. */
  osls(args: readonly string[]): Promise<string>;
}

/** What the programs say goes to standard error as it comes. Throws when one ends badly. */
export const programsIn = (checkout: string, { env, err, leave }: Pick<Io, 'env' | 'err' | 'leave'>): Programs => {
  const bin = join(checkout, 'node_modules', '.bin');
  const run = async (name: string, file: string, args: readonly string[]): Promise<string> => {
    if (!existsSync(file)) throw new Failure(exitCodes.failed, 'notInstalled', `${file} is not there; deploy from a checkout of Sluice in which npm ci was run`);
    const child = spawn(file, args, { cwd: checkout, env: { ...env, PATH: `${bin}${delimiter}${env['PATH'] ?? ''}` }, stdio: ['ignore', 'pipe', 'pipe'], signal: leave });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      err.write(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => void err.write(text));
    const ended = await new Promise<number | string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (status, signal) => resolve(status ?? signal ?? 'no status'));
    });
    if (leave.aborted) throw new Failure(exitCodes.interrupted, 'interrupted', `${name} was interrupted; what CloudFormation has begun it goes on with`);
    if (ended !== 0) throw new Failure(exitCodes.failed, 'programFailed', `${name} ended with ${ended}; what it said stands above`);
    return out;
  };
  return {
    bundle: async (config) => {
      await run('the bundler', process.execPath, [join('scripts', 'bundle.ts'), '--config', config]);
    },
    osls: (args) => run(`osls ${args[0] ?? ''}`, join(bin, 'osls'), args),
  };
};
