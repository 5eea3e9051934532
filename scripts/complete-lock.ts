import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Adds to package-lock.json what npm left out of it. Tools with native parts name a package for each platform; where a registry does
 * not carry all of them, `npm install` drops those it cannot find, and `npm ci` then refuses the file as incomplete on every platform.
 * Run it after a change of dependencies: node scripts/complete-lock.ts
 */
interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}
interface Lock {
  readonly packages: Record<string, Locked>;
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Is it there for whoever is installed at `path`, there or in any folder above? */
const isLocked = ({ packages }: Lock, path: string, name: string): boolean => {
  const here = path === '' ? `node_modules/${name}` : `${path}/node_modules/${name}`;
  if (Object.hasOwn(packages, here)) return true;
  if (path === '') return false;
  return isLocked({ packages }, path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/'))), name);
};

/** Names of such packages say what they are for: `@oxlint/binding-linux-arm64-musl`. */
const platformOf = (name: string): { os: string[]; cpu: string[]; libc?: string[] } | undefined => {
  const words = name.split(/[/-]/);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  if (os.length !== 1 || cpu.length !== 1) return undefined;
  return { os, cpu, ...(words.includes('musl') ? { libc: ['musl'] } : words.includes('gnu') ? { libc: ['glibc'] } : {}) };
};

/** The lock file with an entry for every platform, and the names of what was added. */
export const completeLock = (lock: Lock): { readonly lock: Lock; readonly added: readonly string[] } => {
  const packages = { ...lock.packages };
  const added: string[] = [];
  for (const [path, { optionalDependencies = {}, dev, license }] of Object.entries(lock.packages))
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isLocked({ packages }, path, name)) continue;
      const platform = platformOf(name);
      if (platform === undefined) throw new Error(`package-lock.json: ${name}, which ${path} names, is missing, and its name does not say for which platform it is`);
      packages[`node_modules/${name}`] = { version, ...platform, ...(dev === true ? { dev } : {}), ...(license === undefined ? {} : { license }), optional: true };
      added.push(name);
    }
  const sorted = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { lock: { ...lock, packages: sorted }, added };
};

if (import.meta.main) {
  const file = new URL('../package-lock.json', import.meta.url);
  const { lock, added } = completeLock(JSON.parse(readFileSync(file, 'utf8')) as Lock);
  if (added.length > 0) writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
  process.stdout.write(`${added.length} packages of other platforms added to package-lock.json\n`);
}
