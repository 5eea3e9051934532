import type { Json } from '../events/input.ts';
import { startEnvironment, type Environment, type Launch } from './function-process.ts';
import type { Invoked } from './runtime-api.ts';

export interface FunctionOptions {
  readonly name: string;
  readonly launch: Launch;
  readonly timeoutMs: number;
  /** The most invocations at a time, each in a process of its own. */
  readonly concurrency: number;
  /** Told what went wrong, which on AWS the log would say. */
  readonly onFailure?: (text: string) => void;
}

/** Numbers since the function was made. */
export interface Tally {
  readonly invocations: number;
  /** How many processes were started. */
  readonly starts: number;
  readonly failures: number;
}

/** A function as its callers see it: it runs where there is room, and starts a process when none is idle. */
export interface LocalFunction {
  readonly name: string;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Waits for room when all processes are busy. Never rejects; after `close` it fails. */
  invoke(event: Json): Promise<Invoked>;
  tally(): Tally;
  /** Kills every process, busy or not; the next invocation starts another. Resolves when they are gone. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export const createFunction = ({ name, launch, timeoutMs, concurrency, onFailure }: FunctionOptions): LocalFunction => {
  const alive = new Set<Environment>();
  const idle: Environment[] = [];
  const waiting: (() => void)[] = [];
  let busy = 0;
  let closed = false;
  let [invocations, starts, failures] = [0, 0, 0];

  const start = async (): Promise<Environment> => {
    starts += 1;
    const environment = await startEnvironment(name, launch);
    alive.add(environment);
    if (closed) await environment.kill();
    void environment.ended.then(() => {
      alive.delete(environment);
      const at = idle.indexOf(environment);
      if (at >= 0) idle.splice(at, 1);
    });
    return environment;
  };

  const turn = async (): Promise<void> => {
    if (busy < concurrency) {
      busy += 1;
      return;
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  /** Whoever waits takes over the place; without anybody it is free. */
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) busy -= 1;
    else next();
  };

  const killAll = async (): Promise<void> => {
    await Promise.all([...alive].map((environment) => environment.kill()));
  };
  return {
    name,
    concurrency,
    timeoutMs,
    async invoke(event) {
      await turn();
      try {
        if (closed) return { ok: false, errorType: 'Closed', errorMessage: `${name} was closed` };
        invocations += 1;
        // The one used last is the warmest.
        const environment = idle.pop() ?? (await start());
        const result = await environment.invoke(event, timeoutMs);
        if (environment.usable()) idle.push(environment);
        if (!result.ok) {
          failures += 1;
          onFailure?.(`${name}: ${result.errorType}: ${result.errorMessage}`);
        }
        return result;
      } finally {
        leave();
      }
    },
    tally: () => ({ invocations, starts, failures }),
    kill: killAll,
    async close() {
      closed = true;
      await killAll();
    },
  };
};
