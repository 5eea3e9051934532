import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundled, bundleFunction, placeConfig } from '../../scripts/bundle.ts';
import type { Template } from './template.ts';

/** What `npm run package` leaves. */
export interface Packaged {
  readonly template: Template;
  /** What the deployment itself is told beside the template. */
  readonly provider: { readonly stackTags?: Readonly<Record<string, string>> };
  /** The zips, by name. */
  readonly zips: Readonly<Record<string, Buffer>>;
}

/** A copy of what is packaged, with bundles, apart from the checkout's own `dist` and `.serverless`. */
export const serviceCopy = async (): Promise<string> => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-package-')));
  for (const part of ['serverless.yml', 'deploy', 'web']) cpSync(part, join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'dist'));
  mkdirSync(join(folder, 'home'));
  await bundleInto(folder);
  return folder;
};

export const bundleInto = async (folder: string): Promise<void> => {
  await placeConfig('deploy/sluice.yml', join(folder, 'dist'));
  for (const name of bundled) await bundleFunction(name, join(folder, 'dist'));
};

/** Runs the packager as on a machine that has no credentials, no settings and no network. */
export const packageService = async (folder: string, into: string, args: readonly string[] = []): Promise<Packaged> => {
  const bin = resolve('node_modules/.bin');
  const dead = 'http://127.0.0.1:9';
  const env = { HOME: join(folder, 'home'), PATH: `${bin}:/usr/bin:/bin`, HTTP_PROXY: dead, HTTPS_PROXY: dead, http_proxy: dead, https_proxy: dead };
  const child = spawn(join(bin, 'osls'), ['package', '--package', into, ...args], { cwd: folder, env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const status = await new Promise((ended) => child.once('close', ended));
  if (status !== 0) throw new Error(`osls package ended with ${String(status)}: ${said}`);
  const read = (file: string): string => readFileSync(join(folder, into, file), 'utf8');
  return {
    template: JSON.parse(read('cloudformation-template-update-stack.json')) as Template,
    provider: (JSON.parse(read('serverless-state.json')) as { service: { provider: Packaged['provider'] } }).service.provider,
    zips: Object.fromEntries(readdirSync(join(folder, into)).filter((file) => file.endsWith('.zip')).map((file) => [file.replace('.zip', ''), readFileSync(join(folder, into, file))])),
  };
};

/** Paths in a zip, from its central directory. */
export const pathsIn = (zip: Buffer): readonly string[] => {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  const paths: string[] = [];
  for (let at = zip.readUInt32LE(end + 16), left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset)) as [number, number, number];
    paths.push(zip.toString('utf8', at + 46, at + 46 + name));
    at += 46 + name + extra + comment;
  }
  return paths;
};
