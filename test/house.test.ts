import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completeLock } from '../scripts/complete-lock.ts';

interface Finding {
  readonly code: string;
  readonly help?: string;
  readonly message: string;
  readonly filename: string;
}

/** Folder, what a file there says, the rule that must find it, and a part of what that rule says to people. */
const violations = [
  ['statemachines', `import { readFileSync } from 'node:fs'; export const bad = readFileSync;`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines', `import { readFileSync } from 'fs'; export const bad = readFileSync;`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines', `import fastify from 'fastify'; export const bad = fastify;`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines', `import { systemClock } from '../infra/clock.ts'; export const bad = systemClock;`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines/release', `import type { Cluster } from '../../infra/cluster/port.ts'; export type Bad = Cluster;`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines', `export * from '../infra/ports.ts';`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines', `export const bad = () => import('node:net');`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines', `import { serve } from '../functions/serve.ts'; export const bad = serve;`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines', `import { at } from '../test/fixtures/held-clock.ts'; export const bad = at;`, 'no-restricted-imports', 'statemachines/ is pure'],
  ['statemachines', `export const bad = () => Date.now();`, 'no-restricted-globals', 'no clock'],
  ['statemachines', `export const bad = () => fetch('http://127.0.0.1');`, 'no-restricted-globals', 'fetch'],
  ['statemachines', `export const bad = () => process.env['HOME'];`, 'no-restricted-globals', 'process'],
  ['statemachines', `export const bad = () => Math.random();`, 'no-restricted-properties', 'no randomness'],
  ['events', `import { createHash } from 'node:crypto'; export const bad = createHash;`, 'no-restricted-imports', 'events/ is pure'],
  ['events', `import { advance } from '../statemachines/advance.ts'; export const bad = advance;`, 'no-restricted-imports', 'events/ only names what arrives'],
  ['events', `import type { Cluster } from '../infra/cluster/port.ts'; export type Bad = Cluster;`, 'no-restricted-imports', 'events/ only names what arrives'],
  ['events', `export const bad = () => Date.now();`, 'no-restricted-properties', 'no clock'],
  ['infra', `import { serve } from '../functions/serve.ts'; export const bad = serve;`, 'no-restricted-imports', 'arrows only go down'],
  ['infra/store', `import { page } from '../../web/page.ts'; export const bad = page;`, 'no-restricted-imports', 'arrows only go down'],
  ['infra', `import { run } from '../cli/program.ts'; export const bad = run;`, 'no-restricted-imports', 'arrows only go down'],
  ['infra', `import { at } from '../test/fixtures/held-clock.ts'; export const bad = at;`, 'no-restricted-imports', 'arrows only go down'],
  ['functions', `import { at } from '../test/fixtures/held-clock.ts'; export const bad = at;`, 'no-restricted-imports', 'imports from test/'],
  ['cli', `import { systemClock } from '../infra/clock.ts'; export const bad = systemClock;`, 'no-restricted-imports', 'call the HTTP API'],
  ['statemachines', `export const bad = (): void => { Promise.resolve(1); };`, 'no-floating-promises', 'Promises must be awaited'],
] as const;

const allowed = `import { setup } from 'xstate'; import * as z from 'zod'; import type { Millis } from '../events/input.ts'; export const good = (at: Millis): unknown => [setup, z, at];`;

/** A copy of what the rules are about, so that what breaks them never lies in the checkout. */
const copy = mkdtempSync(join(tmpdir(), 'sluice-house-'));
let status: number | null = null;
let findings: readonly Finding[] = [];

beforeAll(() => {
  for (const part of ['.oxlintrc.json', 'tsconfig.json', 'package.json', 'events', 'statemachines']) cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'));
  for (const [at, [folder, text]] of violations.entries()) {
    mkdirSync(join(copy, folder), { recursive: true });
    writeFileSync(join(copy, folder, `bad-${at}.ts`), `${text}\n`);
  }
  writeFileSync(join(copy, 'statemachines', 'good.ts'), `${allowed}\n`);
  const { stdout, stderr, ...ended } = spawnSync(join('node_modules', '.bin', 'oxlint'), ['-f', 'json', 'events', 'statemachines', 'infra', 'functions', 'cli'], { cwd: copy, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (!stdout.startsWith('{')) throw new Error(`oxlint did not answer with findings: ${stdout}${stderr}`);
  status = ended.status;
  findings = (JSON.parse(stdout) as { diagnostics: readonly Finding[] }).diagnostics;
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('the house: arrows only go down, and what decides does no I/O', () => {
  test('the linter ends with an error', () => {
    expect(status).not.toBe(0);
  });

  test.each(violations.map((violation, at) => [...violation, at] as const))('%s/ may not say: %s', (folder, _text, rule, why, at) => {
    const found = findings.filter(({ filename, code }) => filename === `${folder}/bad-${at}.ts` && code.includes(`(${rule})`));
    expect(found.map(({ message, help }) => `${message} ${help ?? ''}`).join('\n')).toContain(why);
  });

  test('what is allowed is let through', () => {
    expect(findings.filter(({ filename }) => filename === 'statemachines/good.ts')).toEqual([]);
  });

  test('nothing that is there breaks these rules', () => {
    const ours = findings.filter(({ filename, code }) => !/\/bad-\d+\.ts$/.test(filename) && code.includes('no-restricted'));
    expect(ours).toEqual([]);
  });
});

describe('dependencies', () => {
  test('the lock file names the packages of every platform, or `npm ci` refuses it (node scripts/complete-lock.ts adds them)', () => {
    expect(completeLock(JSON.parse(readFileSync('package-lock.json', 'utf8')) as Parameters<typeof completeLock>[0]).added).toEqual([]);
  });

  test('a package that is missing there is added with its platform', () => {
    const packages = { 'node_modules/tool': { version: '1.0.0', dev: true, optionalDependencies: { '@tool/linux-arm64-musl': '1.0.0', '@tool/linux-x64-gnu': '1.0.0' } }, 'node_modules/@tool/linux-x64-gnu': { version: '1.0.0' } };
    const { lock, added } = completeLock({ packages });
    expect(added).toEqual(['@tool/linux-arm64-musl']);
    expect(lock.packages['node_modules/@tool/linux-arm64-musl']).toEqual({ version: '1.0.0', os: ['linux'], cpu: ['arm64'], libc: ['musl'], dev: true, optional: true });
  });

  test('versions are exact', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>;
    const written = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(written.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
