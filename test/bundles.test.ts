import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundled, bundleFunction, codeBytes, placeConfig, type Bundled } from '../scripts/bundle.ts';

/** Laid out as the packages are in Lambda, in a folder that has no node_modules above it. */
const task = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-task-')));
const metafiles = new Map<Bundled, Metafile>();
beforeAll(async () => {
  mkdirSync(join(task, 'dist'));
  await placeConfig('deploy/sluice.yml', join(task, 'dist'));
  cpSync('web/public', join(task, 'web', 'public'), { recursive: true });
  for (const name of bundled) metafiles.set(name, await bundleFunction(name, join(task, 'dist')));
}, 60_000);
afterAll(() => rmSync(task, { recursive: true, force: true }));

type Output = Metafile['outputs'][string];
const outputs = (name: Bundled): Metafile['outputs'] => metafiles.get(name)?.outputs ?? {};
const codeOf = (name: Bundled): readonly string[] => Object.keys(outputs(name)).filter((path) => path.endsWith('.mjs'));

/** What is loaded before the first invocation: the entry and all that it imports by statement. */
const atStart = (name: Bundled): readonly string[] => {
  const all = outputs(name);
  const reached = new Set<string>();
  const follow = (path: string, output: Output | undefined): void => {
    if (output === undefined || reached.has(path)) return;
    reached.add(path);
    for (const { path: next, kind, external } of output.imports) if (kind === 'import-statement' && external !== true) follow(next, all[next]);
  };
  for (const [path, output] of Object.entries(all)) if (output.entryPoint === `functions/aws/${name}.ts`) follow(path, output);
  return [...reached];
};

/** Names of the packages whose code is in these files. */
const packagesIn = (name: Bundled, paths: readonly string[]): ReadonlySet<string> =>
  new Set(
    paths
      .flatMap((path) => Object.entries(outputs(name)[path]?.inputs ?? {}))
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .flatMap(([input]) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(input)?.[1] ?? []),
  );

const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { devDependencies: Record<string, string> };

describe('what is in a bundle', () => {
  test('ingest holds no cluster client, no state machine and no store', () => {
    const found = packagesIn('ingest', codeOf('ingest'));
    expect([...found]).toContain('@aws-sdk/client-sqs');
    expect([...found].filter((one) => ['@kubernetes/client-node', 'xstate', '@aws-sdk/client-dynamodb'].includes(one))).toEqual([]);
  });
  test('ingest is at most 1.2 MB', () => {
    expect(codeBytes(metafiles.get('ingest') ?? { inputs: {}, outputs: {} })).toBeLessThanOrEqual(1_200_000);
  });
  test.each(bundled)('%s holds nothing that is only for development', (name) => {
    expect([...packagesIn(name, codeOf(name))].filter((one) => Object.hasOwn(devDependencies, one))).toEqual([]);
    const own = Object.values(outputs(name)).flatMap(({ inputs }) => Object.keys(inputs));
    expect(own.filter((input) => /^(test|bench|examples|scripts|cli)\//.test(input) && input !== 'scripts/no-schemas.cjs')).toEqual([]);
  });
  test.each(['api', 'worker'] as const)('%s has the cluster client, in a chunk that a start does not load', (name) => {
    expect([...packagesIn(name, codeOf(name))]).toEqual(expect.arrayContaining(['@kubernetes/client-node', 'xstate', '@aws-sdk/client-dynamodb']));
    expect([...packagesIn(name, atStart(name))]).not.toContain('@kubernetes/client-node');
  });
  test('tick does without a cluster', () => {
    expect([...packagesIn('tick', codeOf('tick'))]).not.toContain('@kubernetes/client-node');
  });
  test.each(bundled)('%s loads what sends spans only when they are wanted', (name) => {
    const sends = (paths: readonly string[]): readonly string[] => [...packagesIn(name, paths)].filter((one) => one.startsWith('@opentelemetry/') && one !== '@opentelemetry/api');
    expect(sends(codeOf(name))).toContain('@opentelemetry/sdk-trace');
    expect(sends(atStart(name))).toEqual([]);
  });
  test.each(bundled)('%s has a source map beside each file, and no source in it', (name) => {
    const files = readdirSync(join(task, 'dist', name));
    const code = files.filter((file) => file.endsWith('.mjs'));
    expect(code).toContain('index.mjs');
    expect(files.toSorted()).toEqual(code.flatMap((file) => [file, `${file}.map`]).toSorted());
    for (const file of code) expect(readFileSync(join(task, 'dist', name, file), 'utf8')).toMatch(new RegExp(`//# sourceMappingURL=${file}\\.map\\n$`));
  });
});

const queues = ['INPUTS', 'URGENT', 'WAKES', 'DEAD', 'DEAD_FIFO'].map((name) => [`SLUICE_QUEUE_${name}`, `https://sqs.eu-central-1.amazonaws.com/123456789012/${name}`]);
const environment = { ...Object.fromEntries(queues), SLUICE_TABLE: 'sluice', SLUICE_CONFIG: join(task, 'dist', 'sluice.json'), AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' };

/** Loads a bundle as Lambda does, in a process of its own that finds no node_modules, and answers with what `code` prints. */
const inLambda = (name: Bundled, code: string): unknown => {
  const script = `const { handler, ...rest } = await import(${JSON.stringify(join(task, 'dist', name, 'index.mjs'))});\nconst print = (value) => process.stdout.write(JSON.stringify(value));\n${code}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: task, env: environment, encoding: 'utf8', timeout: 15_000 });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1));
};
const request = (method: string, path: string): string =>
  JSON.stringify({ version: '2.0', routeKey: '$default', rawPath: path, rawQueryString: '', headers: {}, requestContext: { http: { method, path, sourceIp: '192.0.2.1' }, requestId: 'r1' }, isBase64Encoded: false });

describe('a bundle alone, in a new process', () => {
  test('there are no packages above it', () => {
    expect(existsSync(join(task, 'node_modules'))).toBe(false);
    expect(existsSync(join(task, '..', 'node_modules'))).toBe(false);
  });
  test.each(bundled)('%s exports a handler that Lambda takes: no callback among its arguments', (name) => {
    const [arity, others] = inLambda(name, `print([handler.length, Object.keys(rest)])`) as [number, string[]];
    expect(arity).toBeLessThanOrEqual(2);
    expect(others).toEqual([]);
  });
  test('ingest asks a sender who it is', () => {
    const answer = inLambda('ingest', `const { statusCode, body } = await handler(${request('POST', '/hooks/nobody')}, {}); print({ statusCode, ...JSON.parse(body) })`);
    expect(answer).toMatchObject({ statusCode: 401, error: { code: expect.any(String) } });
  });
  test('api serves the page', () => {
    const answer = inLambda('api', `const { statusCode, body } = await handler(${request('GET', '/')}, {}); print({ statusCode, body })`);
    expect(answer).toEqual({ statusCode: 200, body: readFileSync('web/public/index.html', 'utf8') });
  });
  test('worker reads a kubeconfig with the cluster client', () => {
    const chunk = codeOf('worker').find((path) => packagesIn('worker', [path]).has('@kubernetes/client-node')) ?? '';
    const code = `const { KubeConfig } = await import(${JSON.stringify(join(task, 'dist', 'worker', chunk.slice(chunk.lastIndexOf('/') + 1)))});
      const config = new KubeConfig();
      config.loadFromString('{clusters: [{name: c, cluster: {server: "https://c.example.com"}}], users: [{name: u, user: {}}], contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}');
      print(config.getCurrentCluster().server)`;
    expect(inLambda('worker', code)).toBe('https://c.example.com');
  });
});

test('a configuration that no function could read is refused before anything is packaged', async () => {
  await expect(placeConfig('deploy/table.yml', join(task, 'dist'))).rejects.toThrow(/deploy\/table\.yml: .*Resources/);
});
