import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { afterAll, describe, expect, it } from 'vitest';
import { collector } from './fixtures/collector.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-tracing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secrets = { HOOK_TOKEN: 'hook-4f1c9a7e2b', ADA_TOKEN: 'ada-77d0e3b1c5', COLLECTOR_KEY: 'key-0b9d8c7a6f' };
/** Tells on standard error of each module of OpenTelemetry that is asked for. */
const watchful = `data:text/javascript,${encodeURIComponent("import {registerHooks} from 'node:module';registerHooks({resolve(name,context,next){if(name.startsWith('@opentelemetry'))process.stderr.write('asked for '+name+'\\n');return next(name,context)}})")}`;

/** A server of its own process that is called as `calls` says, then ended. */
const serving = async (tracing: object, calls: (url: string) => Promise<void>): Promise<{ lines: string[]; errors: string; endedInMs: number }> => {
  const config = join(folder, 'sluice.yml');
  writeFileSync(
    config,
    stringify({ listen: { port: 0 }, database: ':memory:', outbound: { loopback: true }, people: { ada: { tokens: ['env:ADA_TOKEN'], role: 'operator' } }, sources: { registry: { kind: 'distribution', tokens: ['env:HOOK_TOKEN'] } }, ...tracing }),
  );
  const child = spawn(process.execPath, ['--import', watchful, 'functions/main.ts', '--config', config], { env: { ...process.env, ...secrets, SLUICE_LOG: 'debug' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const lines: string[] = [];
  const ended = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, said] = /^sluice listens on (\S+)$/.exec(line) ?? [];
      if (said === undefined) lines.push(line);
      else resolve(said);
    });
    void ended.then(() => reject(new Error(`it ended: ${errors}`)));
  });
  let told = Date.now();
  try {
    await calls(url);
  } finally {
    told = Date.now();
    child.kill('SIGTERM');
    await ended;
  }
  return { lines, errors, endedInMs: Date.now() - told };
};

const calls = async (url: string): Promise<void> => {
  const post = (path: string, body: string, headers: Record<string, string>): Promise<Response> => fetch(`${url}${path}`, { method: 'POST', body, headers });
  const hook = { authorization: `Bearer ${secrets.HOOK_TOKEN}`, cookie: `session=${secrets.ADA_TOKEN}` };
  const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'0'.repeat(64)}`, repository: 'team/demo', tag: '1.0.0' };
  await post('/hooks/registry', JSON.stringify({ events: [{ id: 'one', action: 'push', target, request: { host: 'registry.example.com' } }] }), hook);
  await post('/hooks/registry', `{"token": "${secrets.HOOK_TOKEN}`, hook);
  await post(`/hooks/registry?token=${secrets.HOOK_TOKEN}`, '{}', {});
  await post('/api/rollouts/pro/demo/commands', JSON.stringify({ type: 'abort' }), { authorization: `Bearer ${secrets.ADA_TOKEN}` });
  await fetch(`${url}/api/rollouts?access_token=${secrets.ADA_TOKEN}`, { headers: { authorization: `Bearer ${secrets.ADA_TOKEN}` } });
};

describe('a process that serves', () => {
  it('writes lines of JSON that hold no secret, and loads nothing of OpenTelemetry when no collector is configured', async () => {
    const { lines, errors } = await serving({}, calls);
    const told = lines.map((line) => JSON.parse(line) as { msg: string; level: string; time: string; trace?: string; status?: number; path?: string });
    expect(told.filter(({ msg }) => msg === 'request answered').map(({ path, status }) => `${path} ${status}`)).toEqual(['/hooks/registry 202', '/hooks/registry 202', '/hooks/registry 401', '/api/rollouts/pro/demo/commands 404', '/api/rollouts 200']);
    expect(told.filter(({ msg }) => msg === 'message handled')).toMatchObject([{ level: 'info', trace: told.find(({ msg }) => msg === 'request answered')?.trace }]);
    for (const { level, time } of told) expect([level, Date.parse(time) > 0]).toEqual([expect.stringMatching(/^(debug|info|warn|error)$/), true]);
    for (const secret of Object.values(secrets)) expect(lines.join('\n') + errors).not.toContain(secret);
    expect(errors).not.toContain('asked for');
  }, 30_000);

  it('loads it when one is, sends its spans before it ends, and tells the secret to the collector alone', async () => {
    const one = await collector();
    const otlp = { url: `http://127.0.0.1:${one.port}/v1/traces`, headers: { 'x-api-key': 'env:COLLECTOR_KEY' } };
    const { lines, errors } = await serving({ tracing: { otlp } }, calls);
    one.close();
    expect(errors).toContain('asked for @opentelemetry/sdk-trace');
    expect(one.spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['POST /hooks/:source', 'resolve image.pushed', 'POST /api/rollouts/:namespace/:name/commands']));
    expect(one.headers[0]?.['x-api-key']).toBe(secrets.COLLECTOR_KEY);
    const spans = JSON.stringify(one.spans);
    for (const secret of Object.values(secrets)) expect(lines.join('\n') + errors + spans).not.toContain(secret);
  }, 30_000);

  it('ends although its collector never answers', async () => {
    const dead = await collector({ hangs: true });
    const { endedInMs } = await serving({ tracing: { otlp: { url: `http://127.0.0.1:${dead.port}/v1/traces` } } }, calls);
    expect(dead.requests()).toBeGreaterThan(0);
    // Half a second is waited for; what is on its way is given up after three.
    expect(endedInMs).toBeLessThan(8_000);
    dead.close();
  }, 30_000);
});
