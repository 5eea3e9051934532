import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import pc from 'picocolors';
import { systemClock } from '../../infra/clock.ts';
import type { RolloutView } from '../../statemachines/view.ts';
import { startAlerting } from './alerting.ts';
import type { Stage } from './stage.ts';
import { spellFelt, tell, teller } from './teller.ts';

/** Where Sluice runs, and how to speak to it. */
export interface Running {
  readonly url: string;
  /** The page, where a token goes with its address. */
  readonly page?: string;
  readonly tokens: { readonly operator: string; readonly hooks: string };
}

export interface StoryOptions {
  /** Ends after the story instead of staying up to be played with. */
  readonly exit: boolean;
  /** Ends Sluice, wherever it runs. */
  readonly stop: () => Promise<void>;
}

const session = new URL('../../.sluice/', import.meta.url);
const releaseWithinMs = 60_000;

/**
 * Releases a good version and a bad one while visitors keep coming, and tells the story; everything goes over HTTP. Then stays up, or
 * ends with exit code 0 if all went as it should and with 1 if not.
 */
export const playStory = async (stage: Stage, { url, page = url, tokens }: Running, { exit, stop }: StoryOptions): Promise<void> => {
  const { sandbox, gateway, image, visitors } = stage;
  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${tokens.operator}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer as T;
  };

  // The registry tells Sluice of pushes as a real one does: by its webhook.
  sandbox.registry.onPush(({ contentType, body }) => {
    void fetch(`${url}/hooks/registry`, { method: 'POST', headers: { authorization: `Bearer ${tokens.hooks}`, 'content-type': contentType }, body: JSON.stringify(body) });
  });
  const stopAlerting = startAlerting(visitors, `${url}/hooks/alertmanager`, tokens.hooks, (status, version) =>
    tell(status === 'firing' ? pc.red(`alert HighErrorRate fires for ${version}`) : `alert HighErrorRate for ${version} is over`),
  );
  if (!exit) {
    mkdirSync(session, { recursive: true });
    writeFileSync(new URL('session.json', session), JSON.stringify({ url, token: tokens.operator }), { mode: 0o600 });
    process.stdout.write(`the page: ${pc.underline(page)}    the demo service: ${pc.underline(gateway)}\n\n`);
  }

  const told = teller();
  const view = async (): Promise<RolloutView> => (await call<{ rollout: RolloutView }>('GET', '/api/rollouts/pro/demo')).rollout;
  /** Follows release `n` to its end, telling what is new. */
  const follow = async (n: number): Promise<RolloutView> => {
    const until = Date.now() + releaseWithinMs;
    for (;;) {
      const seen = await view();
      if (seen.release !== undefined && seen.release.n >= n) told(seen.release, visitors.felt());
      if (seen.release?.n === n && seen.release.endedAt !== undefined) return seen;
      if (Date.now() > until) throw new Error(`release ${n} did not end within a minute; it waits for ${seen.release?.waitingFor.what ?? 'its beginning'}`);
      await systemClock.sleep(40);
    }
  };

  const end = async (code: number): Promise<void> => {
    stopAlerting();
    await stop();
    await stage.close();
    rmSync(new URL('session.json', session), { force: true });
    process.exitCode = code;
  };
  const story = async (): Promise<boolean> => {
    const definition = await readFile(new URL('../demo.yaml', import.meta.url), 'utf8');
    await call('PUT', '/api/rollouts', { text: definition.replaceAll('registry.sandbox/team/demo', image) });
    tell(`applied examples/demo.yaml; 1.0.0 serves everybody  ${pc.dim(`[${spellFelt(visitors.felt())}]`)}`);
    tell(`somebody pushes ${pc.bold('1.1.0')}, a good version`);
    stage.push('1.1.0');
    const good = await follow(1);
    tell(`somebody pushes ${pc.bold('1.2.0')}: half of its answers are errors`);
    stage.push('1.2.0', { ERROR_RATE: '0.5' });
    const bad = await follow(2);
    await systemClock.sleep(500);

    const { versions, lost } = visitors.felt();
    const met = Object.values(versions['1.2.0'] ?? {}).reduce((sum, n) => sum + n, 0);
    process.stdout.write(
      `\nrelease 1 (1.1.0): ${good.release?.phase}\nrelease 2 (1.2.0): ${bad.release?.phase}, ${bad.release?.ending?.reason ?? ''}; ${met} requests met the bad version, ${versions['1.2.0']?.['500'] ?? 0} of them failed\nrequests lost: ${lost}\n`,
    );
    return good.release?.phase === 'completed' && bad.release?.phase === 'rolledBack' && bad.stable?.tag === '1.1.0' && lost === 0 && met > 0;
  };

  let asItShould = false;
  try {
    asItShould = await story();
  } catch (error) {
    await end(1);
    throw error;
  }
  if (exit) return end(asItShould ? 0 : 1);
  process.stdout.write(`
${pc.bold('Now play')} (in another terminal, in this folder; this is the sandbox, nothing real can break):
  bin/sluice get demo -w                                            watch it
  bin/sluice push ${image}:1.3.0                     release another version
  bin/sluice push ${image}:1.4.0 -e ERROR_RATE=0.3   release a bad one
  bin/sluice abort demo                                             take everybody back, whatever is going on
  curl -i ${gateway}                                    be a visitor
${pc.dim('Ctrl-C ends it.')}
`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(0));
  // Whatever is played with goes on being told.
  const telling = setInterval(() => {
    view()
      .then(({ release }) => {
        if (release !== undefined) told(release, visitors.felt());
      })
      .catch(() => clearInterval(telling));
  }, 100);
  telling.unref();
};
