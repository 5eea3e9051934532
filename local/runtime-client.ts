import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pinned = fileURLToPath(new URL('runtime-client/', import.meta.url));
/** Headers of the Node that will load the client, so that none are fetched: the package that brings Node brings them, too. */
const ownNode = fileURLToPath(new URL(`../node_modules/node-${process.platform}-${process.arch}`, import.meta.url));
/** It compiles curl and AWS's C++ client for the Runtime API. */
const needed = ['cmake', 'make', 'g++', 'python3', 'tar', 'xz'];

const cacheFolder = (): string => process.env['SLUICE_CACHE_DIR'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sluice');

/** A folder for each set of pins and each binary interface of Node. */
const folderOf = async (): Promise<string> => {
  const lock = await readFile(join(pinned, 'package-lock.json'), 'utf8');
  const key = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  return join(cacheFolder(), `runtime-client-${key}-${process.platform}-${process.arch}-${process.versions.modules}`);
};

const entryIn = (folder: string): string => join(folder, 'node_modules/aws-lambda-ric/index.mjs');

/** The entry file of AWS's runtime client; undefined when it is not installed. */
export const findRuntimeClient = async (): Promise<string | undefined> => {
  const entry = entryIn(await folderOf());
  return existsSync(entry) ? entry : undefined;
};

const onPath = (program: string): boolean => (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/** What the machine lacks to compile it. */
const missingTools = (): readonly string[] => needed.filter((program) => !onPath(program));

/**
 * AWS's own runtime client for Node, compiled once and kept outside of the checkout (SLUICE_CACHE_DIR, by default the user's cache).
 * @param say told before something is done that takes long.
 */
export const installRuntimeClient = async (say: (text: string) => void): Promise<string> => {
  const found = await findRuntimeClient();
  if (found !== undefined) return found;
  const missing = missingTools();
  if (missing.length > 0)
    throw new Error(`AWS's runtime client (aws-lambda-ric) compiles native code and lacks ${missing.join(', ')}; on Debian and Ubuntu: apt-get install cmake make g++ python3 xz-utils`);
  const folder = await folderOf();
  say(`compiling AWS's runtime client into ${folder}; this takes a minute, once`);
  await mkdir(dirname(folder), { recursive: true });
  const half = await mkdtemp(`${folder}.`);
  try {
    for (const file of ['package.json', 'package-lock.json']) await cp(join(pinned, file), join(half, file));
    const { status, stdout, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--foreground-scripts'], {
      cwd: half,
      encoding: 'utf8',
      env: { ...process.env, ...(existsSync(join(ownNode, 'include')) ? { npm_config_nodedir: ownNode } : {}) },
    });
    if (status !== 0 || !existsSync(join(half, 'node_modules/aws-lambda-ric/rapid-client.node')))
      throw new Error(`AWS's runtime client could not be compiled; the last of what npm said:\n${`${stdout}${stderr}`.split('\n').slice(-20).join('\n')}`);
    // Somebody else may have been quicker; theirs is as good.
    await rename(half, folder).catch((error: unknown) => {
      if (!existsSync(entryIn(folder))) throw error;
    });
  } finally {
    await rm(half, { recursive: true, force: true });
  }
  return entryIn(folder);
};

if (import.meta.main) {
  try {
    process.stdout.write(`${await installRuntimeClient((text) => process.stdout.write(`${text}\n`))}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
