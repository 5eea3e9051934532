import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rolloutName } from './push.ts';
import type { Load } from './generator.ts';

const script = (name: string): string => new URL(name, import.meta.url).pathname;
const exits = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
};

/** The first message of a child, or an error that it ended without one. */
const said = async <T>(child: ChildProcess, what: string): Promise<T> => {
  const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(() => Promise.reject(new Error(`${what} ended before it said anything`)))])) as [T];
  return message;
};

export type Mode = 'bare' | 'ingest' | 'serve';

/** Runs `work` against a server in a process of its own. It has stopped, with everything durable, when this resolves. */
export const withServer = async <T>(mode: Mode, database: string, rollouts: number, work: (url: string) => Promise<T>): Promise<T> => {
  const child = fork(script('server.ts'), [mode, database, String(rollouts)]);
  try {
    const { url } = await said<{ url: string }>(child, `the ${mode} server`);
    return await work(url);
  } finally {
    if (child.connected) child.disconnect();
    await exits(child);
  }
};

export interface Loading {
  readonly ms: number;
  readonly connections: number;
  readonly rollouts: number;
  readonly prefix: string;
  /** 0: as fast as answers come. */
  readonly rate: number;
}

export const load = async (url: string, { ms, connections, rollouts, prefix, rate }: Loading): Promise<Load> => {
  const child = fork(script('generator.ts'), [url, ...[ms, connections, rollouts].map(String), prefix, String(rate)], { serialization: 'advanced' });
  const result = await said<Load>(child, `the generator for ${rolloutName(0)}`);
  await exits(child);
  return result;
};
