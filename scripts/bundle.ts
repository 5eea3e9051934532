import { mkdir, rm, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, type Metafile, type Plugin } from 'esbuild';
import { loadConfig, readWritten } from '../functions/config.ts';

const root = new URL('..', import.meta.url).pathname;

/** The functions that are packaged; each has its entry file in functions/aws. `urgent` of serverless.yml runs the bundle of `worker`. */
export const bundled = ['ingest', 'api', 'worker', 'tick'] as const;
export type Bundled = (typeof bundled)[number];

const noSchemas = join(root, 'scripts', 'no-schemas.cjs');

/**
 * CommonJS packages ask for Node's own modules by `require`, which an ES module does not have. Their names are our own here, so that
 * they cannot meet those of a bundled module.
 */
const requireInModules = `import { createRequire as __sluiceCreateRequire } from 'node:module'; const require = __sluiceCreateRequire(import.meta.url);`;

/**
 * Takes Node's own modules by `require` everywhere. An `import` of one reads all its properties for the list of its exports, and some of
 * those are getters that load what nobody asked for: `node:http` then brings in a whole HTTP client for its WebSocket, 25 ms of a start.
 */
const requiredBuiltins: Plugin = {
  name: 'required-builtins',
  setup: ({ onResolve, onLoad }) => {
    const builtins = new Set(builtinModules);
    onResolve({ filter: /^(node:)?[a-z_/0-9]+$/ }, ({ path, kind }) => (kind !== 'require-call' && builtins.has(path.replace(/^node:/, '')) ? { path, namespace: 'builtin' } : undefined));
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: `module.exports = require(${JSON.stringify(path)});`, loader: 'js' }));
  },
};

/**
 * Bundles one function into `<into>/<name>/`: `index.mjs`, which exports `handler`, and a chunk for each `import()`, so that what an
 * invocation does not need is not loaded. All files of a bundle lie in one folder: functions/http/pages.ts finds `../../web/public`
 * from there, as it does from its own place.
 *
 * Source maps are written beside the code for whoever has a stack to read, and not packaged: under `--enable-source-maps` Node reads
 * them as the code is loaded, which made a start of the API a fifth longer (122 -> 146 ms). Names are shortened, because nothing here asks for
 * the name of a function or class: errors carry theirs as a field.
 */
export const bundleFunction = async (name: Bundled, into: string): Promise<Metafile> => {
  const outdir = join(into, name);
  await rm(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { index: `functions/aws/${name}.ts` },
    outdir,
    outExtension: { '.js': '.mjs' },
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Packages that offer both come as ES modules: those can be shaken and split.
    mainFields: ['module', 'main'],
    minify: true,
    sourcemap: 'linked',
    legalComments: 'none',
    banner: { js: requireInModules },
    alias: {
      '@fastify/ajv-compiler': noSchemas,
      '@fastify/fast-json-stringify-compiler': noSchemas,
      // What is imported lazily cannot be shaken, and nothing but the kubeconfig's reader is used of it: 4.1 -> 1.4 MB.
      '@kubernetes/client-node': join(root, 'node_modules/@kubernetes/client-node/dist/config.js'),
    },
    metafile: true,
    plugins: [requiredBuiltins],
    logLevel: 'warning',
  });
  return metafile;
};

/** Puts a configuration where every function's package takes it from, as JSON: a function then starts without a reader of YAML. Throws when it could not read it. */
export const placeConfig = async (config: string, into: string): Promise<void> => {
  await loadConfig(config);
  await writeFile(join(into, 'sluice.json'), `${JSON.stringify(await readWritten(config), undefined, 2)}\n`);
};

/** Bytes of code that a metafile lists, without source maps. */
export const codeBytes = ({ outputs }: Metafile): number => Object.entries(outputs).reduce((sum, [path, { bytes }]) => sum + (path.endsWith('.mjs') ? bytes : 0), 0);

if (import.meta.main) {
  const { values } = parseArgs({ options: { config: { type: 'string', default: join(root, 'deploy', 'sluice.yml') } } });
  const into = join(root, 'dist');
  await mkdir(into, { recursive: true });
  await placeConfig(values.config, into);
  for (const name of bundled) {
    const metafile = await bundleFunction(name, into);
    process.stdout.write(`dist/${name}  ${(codeBytes(metafile) / 1_000).toFixed(0)} kB in ${Object.keys(metafile.outputs).length / 2} files\n`);
  }
}
