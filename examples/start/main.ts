import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { readConfig } from '../../functions/config.ts';
import { serve, type Serving } from '../../functions/serve.ts';
import { systemClock } from '../../infra/clock.ts';
import type { Secrets } from '../../infra/secrets/port.ts';
import type { RolloutView } from '../../statemachines/view.ts';
import { startAlerting } from './alerting.ts';
import { image, startCluster } from './cluster.ts';
import { spellFelt, tell, teller } from './teller.ts';
import { startVisitors } from './visitors.ts';

/**
 * `npm start`: Sluice on the sandbox. Releases a good version and a bad one while visitors keep coming, tells the story, and then
 * stays up to be played with. `--exit` ends after the story, with 0 only if it went as it should.
 */
const { values } = parseArgs({ options: { exit: { type: 'boolean', default: false }, port: { type: 'string', default: '8090' } } });

/** Tokens of this run only; they are never written anywhere but into the session file that the CLI reads. */
const tokens: Readonly<Record<string, string>> = { operator: randomBytes(16).toString('hex'), hooks: randomBytes(16).toString('hex') };
const secrets: Secrets = {
  read: (ref) => {
    const token = tokens[ref.replace(/^env:/, '')];
    return token === undefined ? Promise.reject(new Error(`there is no secret ${ref}`)) : Promise.resolve(token);
  },
};

process.stdout.write(`${pc.bold('Sluice')} on the ${pc.bold('sandbox')}: the cluster is simulated in this process; the pods, the proxy and the requests are real HTTP on loopback.\n\n`);
const { sandbox, gateway } = await startCluster();
const visitors = startVisitors(gateway, 50);
const pushed: { image: string; tag: string; digest: string }[] = [];

const serving: Serving = await serve({
  secrets,
  config: readConfig({
    database: ':memory:',
    listen: { port: values.exit && values.port === '8090' ? 0 : Number(values.port) },
    people: { you: { tokens: ['env:operator'], role: 'operator' } },
    sources: { registry: { kind: 'distribution', tokens: ['env:hooks'] }, alertmanager: { kind: 'alertmanager', tokens: ['env:hooks'] } },
    anonymousReads: true,
  }),
  outer: { cluster: () => Promise.resolve(sandbox.cluster), registry: sandbox.registry, metrics: () => undefined },
  sandbox: {
    traffic: () => Promise.resolve({ gateway, ...visitorsByVersion(), registry: pushed }),
    push: (name, tag, env) => Promise.resolve({ digest: push(name, tag, { VERSION: tag, ...env }) }),
  },
});

function visitorsByVersion() {
  const { versions, lost } = visitors.felt();
  return { versions: Object.fromEntries(Object.entries(versions).map(([version, statuses]) => [version, { ...statuses }])), lost };
}
function push(name: string, tag: string, env: Readonly<Record<string, string>>): string {
  const digest = sandbox.registry.push(name, tag, { env });
  pushed.push({ image: name, tag, digest });
  return digest;
}
const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
  const response = await fetch(`${serving.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${tokens['operator']}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer as T;
};

// The registry tells Sluice of pushes as a real one does: by its webhook.
sandbox.registry.onPush(({ contentType, body }) => {
  void fetch(`${serving.url}/hooks/registry`, { method: 'POST', headers: { authorization: `Bearer ${tokens['hooks']}`, 'content-type': contentType }, body: JSON.stringify(body) });
});
const stopAlerting = startAlerting(visitors, `${serving.url}/hooks/alertmanager`, tokens['hooks'] ?? '', (status, version) =>
  tell(status === 'firing' ? pc.red(`alert HighErrorRate fires for ${version}`) : `alert HighErrorRate for ${version} is over`),
);
const session = new URL('../../.sluice/', import.meta.url);
if (!values.exit) {
  mkdirSync(session, { recursive: true });
  writeFileSync(new URL('session.json', session), JSON.stringify({ url: serving.url, token: tokens['operator'] }), { mode: 0o600 });
  process.stdout.write(`the page: ${pc.underline(serving.url)}    the demo service: ${pc.underline(gateway)}\n\n`);
}

const told = teller();
const view = async (): Promise<RolloutView> => (await call<{ rollout: RolloutView }>('GET', '/api/rollouts/pro/demo')).rollout;
/** Follows release `n` to its end, telling what is new. */
const follow = async (n: number): Promise<RolloutView> => {
  const until = Date.now() + 60_000;
  for (;;) {
    const seen = await view();
    if (seen.release !== undefined && seen.release.n >= n) told(seen.release, visitors.felt());
    if (seen.release?.n === n && seen.release.endedAt !== undefined) return seen;
    if (Date.now() > until) throw new Error(`release ${n} did not end within a minute; it waits for ${seen.release?.waitingFor.what ?? 'its beginning'}`);
    await systemClock.sleep(40);
  }
};

await call('PUT', '/api/rollouts', { text: await readFile(new URL('../demo.yaml', import.meta.url), 'utf8') });
tell(`applied examples/demo.yaml; 1.0.0 serves everybody  ${pc.dim(`[${spellFelt(visitors.felt())}]`)}`);
tell(`somebody pushes ${pc.bold('1.1.0')}, a good version`);
push(image, '1.1.0', { VERSION: '1.1.0' });
const good = await follow(1);
tell(`somebody pushes ${pc.bold('1.2.0')}: half of its answers are errors`);
push(image, '1.2.0', { VERSION: '1.2.0', ERROR_RATE: '0.5' });
const bad = await follow(2);
await systemClock.sleep(500);

const { versions, lost } = visitors.felt();
const met = Object.values(versions['1.2.0'] ?? {}).reduce((sum, n) => sum + n, 0);
process.stdout.write(
  `\nrelease 1 (1.1.0): ${good.release?.phase}\nrelease 2 (1.2.0): ${bad.release?.phase}, ${bad.release?.ending?.reason ?? ''}; ${met} requests met the bad version, ${versions['1.2.0']?.['500'] ?? 0} of them failed\nrequests lost: ${lost}\n`,
);
const asItShould = good.release?.phase === 'completed' && bad.release?.phase === 'rolledBack' && bad.stable?.tag === '1.1.0' && lost === 0 && met > 0;

const stop = async (code: number): Promise<void> => {
  stopAlerting();
  await visitors.stop();
  await serving.stop();
  await sandbox.close();
  rmSync(new URL('session.json', session), { force: true });
  process.exitCode = code;
};

if (values.exit) await stop(asItShould ? 0 : 1);
else {
  process.stdout.write(`
${pc.bold('Now play')} (in another terminal, in this folder; this is the sandbox, nothing real can break):
  bin/sluice get demo -w                                            watch it
  bin/sluice push ${image}:1.3.0                     release another version
  bin/sluice push ${image}:1.4.0 -e ERROR_RATE=0.3   release a bad one
  bin/sluice abort demo                                             take everybody back, whatever is going on
  curl -i ${gateway}                                    be a visitor
${pc.dim('Ctrl-C ends it.')}
`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(0));
  // Whatever is played with goes on being told.
  const telling = setInterval(() => {
    view()
      .then(({ release }) => {
        if (release !== undefined) told(release, visitors.felt());
      })
      .catch(() => clearInterval(telling));
  }, 100);
  telling.unref();
}
