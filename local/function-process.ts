import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Json } from '../events/input.ts';
import { type Invoked, openRuntimeApi } from './runtime-api.ts';

/** A process that speaks to the Runtime API at the address it was given. */
export interface Launched {
  /** Resolves, with how it ended, when it is gone. */
  readonly exited: Promise<string>;
  /** At once, without any chance to tidy up. */
  kill(): void;
}

/** Starts one process of a function; `runtimeApi` is `host:port`. */
export type Launch = (runtimeApi: string) => Launched;

/** One execution environment: a process, and the Runtime API it asks. */
export interface Environment {
  /** Milliseconds from starting the process until it asked for its first invocation; rejects when it never does. */
  readonly init: Promise<number>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<string>;
  /** False once the process is gone or about to be. */
  usable(): boolean;
  /** Never rejects. When `timeoutMs` have passed the process is killed, as Lambda does; so is one that does not start in time. */
  invoke(event: Json, timeoutMs: number): Promise<Invoked>;
  /** Kills the process; what runs there fails. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Lambda's own limit for what runs before the first invocation. */
const longestInitMs = 10_000;

export const startEnvironment = async (name: string, launch: Launch): Promise<Environment> => {
  const api = await openRuntimeApi(name);
  const startedAt = performance.now();
  const launched = launch(api.address);
  let usable = true;
  const kill = (): void => {
    usable = false;
    launched.kill();
  };
  const late = setTimeout(() => {
    api.fail('Sandbox.Timedout', `${name} did not start within ${longestInitMs} ms`);
    kill();
  }, longestInitMs);
  const init = api.ready.finally(() => clearTimeout(late)).then(() => performance.now() - startedAt);
  init.catch(() => undefined);
  const ended = launched.exited.then(async (how) => {
    usable = false;
    api.fail('Runtime.ExitError', `${name}: the process ended: ${how}`);
    await api.close();
    return how;
  });

  return {
    init,
    ended,
    usable: () => usable,
    async invoke(event, timeoutMs) {
      try {
        await init;
      } catch (error) {
        kill();
        return { ok: false, errorType: 'Runtime.InitError', errorMessage: (error as Error).message };
      }
      const timer = setTimeout(() => {
        api.fail('Sandbox.Timedout', `${name}: task timed out after ${timeoutMs} ms`);
        kill();
      }, timeoutMs);
      return api.invoke(event, Date.now() + timeoutMs).finally(() => clearTimeout(timer));
    },
    async kill() {
      kill();
      await ended;
    },
  };
};

export interface BundleOptions {
  /** The name Lambda would know the function by. */
  readonly name: string;
  /** A folder with `index.mjs`, which exports `handler`. */
  readonly bundle: string;
  /** The entry file of AWS's runtime client. */
  readonly runtimeClient: string;
  readonly memoryMb: number;
  /** The function's own environment. Nothing else of this process's environment reaches it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Told of each line that the function writes. */
  readonly onOutput?: (text: string) => void;
}

/** Starts a bundle under AWS's own runtime client, as Lambda does. */
export const launchBundle = (options: BundleOptions): Launch => (runtimeApi) => {
  const child = spawn(process.execPath, [options.runtimeClient, 'index.handler'], {
    cwd: options.bundle,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      TZ: ':UTC',
      AWS_LAMBDA_RUNTIME_API: runtimeApi,
      AWS_LAMBDA_FUNCTION_NAME: options.name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(options.memoryMb),
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${options.name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: 'local',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      LAMBDA_TASK_ROOT: options.bundle,
      _HANDLER: 'index.handler',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = (chunk: Buffer): void => options.onOutput?.(chunk.toString('utf8'));
  child.stdout.on('data', said);
  child.stderr.on('data', said);
  const exited = once(child, 'exit').then(
    ([code, signal]) => (signal === null ? `exit code ${String(code)}` : String(signal)),
    (error: unknown) => (error as Error).message,
  );
  return { exited, kill: () => void child.kill('SIGKILL') };
};
