import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exitCodes, Failure } from './exit.ts';
import type { Io } from './io.ts';

export interface DefinitionFile {
  /** As the person named it; `<stdin>` for `-`. */
  readonly file: string;
  readonly text: string;
}

/** The texts of the files named, in order; `-` is what arrives on stdin. */
export const readFiles = async (names: readonly string[], io: Pick<Io, 'directory' | 'stdin'>): Promise<readonly DefinitionFile[]> => {
  if (names.filter((name) => name === '-').length > 1) throw new Failure(exitCodes.usage, 'stdinTwice', '-f - can be given once only: stdin can be read only once');
  return Promise.all(names.map(async (name) => (name === '-' ? { file: '<stdin>', text: await readAll(io.stdin) } : { file: name, text: await readOne(name, io.directory) })));
};

const readOne = async (name: string, directory: string): Promise<string> => {
  try {
    return await readFile(resolve(directory, name), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory; name the files in it' : String(code);
    throw new Failure(exitCodes.usage, 'unreadableFile', `cannot read ${name}: ${why}`);
  }
};

const readAll = async (stdin: Io['stdin']): Promise<string> => {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stdin) text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
  return text;
};
