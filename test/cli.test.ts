import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WatchAnswer } from '../cli/answers.ts';
import { apiOf } from '../cli/api.ts';
import { imageReference } from '../cli/image.ts';
import { runSluice } from '../cli/program.ts';
import { serverSentData } from '../cli/server-sent.ts';
import { cliReference } from '../scripts/generate-cli-reference.ts';
import { cannedApi, view, type CannedApi } from './fixtures/canned-api.ts';

let api: CannedApi;
let directory: string;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  api = await cannedApi();
  const measured = view('measured');
  api.answers.set('GET /api/rollouts', { body: { rollouts: [measured.rollout], deadLetters: 0, sandbox: false, now: measured.now } });
  api.answers.set('GET /api/rollouts/pro/demo', { body: { rollout: measured.rollout, now: measured.now } });
});
afterEach(async () => {
  await api.close();
  rmSync(directory, { recursive: true });
});

interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

interface Surroundings {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly leave?: AbortSignal;
  readonly terminal?: EventEmitter;
  readonly heard?: (text: string) => void;
}

/** Runs a command line against the canned API. */
const sluice = async (line: readonly string[], { env = { SLUICE_URL: api.url }, stdin = '', leave = new AbortController().signal, terminal, heard }: Surroundings = {}): Promise<Ran> => {
  let [out, err] = ['', ''];
  const write = (text: string): void => {
    out += text;
    heard?.(out);
  };
  const sink = terminal === undefined ? { write } : Object.assign(terminal, { write, isTTY: true, columns: 80, rows: 40 });
  const exit = await runSluice(line, {
    env,
    directory,
    out: sink,
    err: { write: (text) => void (err += text) },
    stdin: (async function* () {
      yield stdin;
    })(),
    leave,
  });
  return { exit, out, err };
};
const posted = (): unknown[] => api.asked.filter(({ method }) => method !== 'GET').map(({ body }) => body);
const judged = (answer: object): void => void api.answers.set('POST /api/rollouts/pro/demo/commands', { status: 202, body: { id: 'c1', document: 'release/pro/demo/2', ...answer } });

describe('where the server is, and who asks', () => {
  const seenToken = (): string | undefined => api.asked[0]?.authorization;
  const session = (url: string): void => {
    mkdirSync(join(directory, '.sluice'));
    writeFileSync(join(directory, '.sluice/session.json'), JSON.stringify({ url, token: 'of-session' }));
  };

  test('the session of npm start is found', async () => {
    session(`${api.url}/`);
    expect((await sluice(['get'], { env: {} })).exit).toBe(0);
    expect(seenToken()).toBe('Bearer of-session');
  });
  test('the token of a session never goes to another address', async () => {
    session('http://127.0.0.1:1');
    expect((await sluice(['get', '--url', api.url], { env: {} })).exit).toBe(0);
    expect(seenToken()).toBeUndefined();
  });
  test('an option wins over the environment, and that over the session', async () => {
    session(api.url);
    await sluice(['get'], { env: { SLUICE_URL: api.url, SLUICE_TOKEN: 'of-environment' } });
    await sluice(['get', '--token', 'of-option'], { env: { SLUICE_URL: api.url, SLUICE_TOKEN: 'of-environment' } });
    expect(api.asked.map(({ authorization }) => authorization)).toEqual(['Bearer of-environment', 'Bearer of-option']);
  });
  test('a server that wants a token says how to give one', async () => {
    const closed = await cannedApi('right');
    const { exit, err } = await sluice(['get', '--url', closed.url]);
    await closed.close();
    expect([exit, err]).toEqual([1, 'sluice: this needs a token; give one by --token or SLUICE_TOKEN\n']);
  });
  test('a server that is not there is exit code 3, with what to do', async () => {
    const { exit, err } = await sluice(['get', '--url', 'http://127.0.0.1:1']);
    expect(exit).toBe(3);
    expect(err).toMatch(/^sluice: cannot reach http:\/\/127\.0\.0\.1:1 \(.+\); start it with/);
  });
  test('something that is not an address is a mistake of usage', async () => {
    expect((await sluice(['get', '--url', 'nonsense'])).exit).toBe(2);
  });
});

describe('names', () => {
  test('a bare name is that of the only rollout called so', async () => {
    const { exit, out } = await sluice(['get', 'demo']);
    expect(exit).toBe(0);
    expect(out).toContain('demo · pro · release 2 · 1.4.2 → 1.5.0 (9f3c1a2b)');
  });
  test('a name in two namespaces has to be told apart', async () => {
    const { rollout, now } = view('measured');
    api.answers.set('GET /api/rollouts', { body: { rollouts: [rollout, { ...rollout, namespace: 'test' }], deadLetters: 0, sandbox: false, now } });
    const { exit, err } = await sluice(['get', 'demo']);
    expect([exit, err]).toEqual([2, 'sluice: demo is in 2 namespaces: say pro/demo or test/demo\n']);
  });
  test('a name nobody has is looked for in default, and the server says that it is not there', async () => {
    const { exit, err } = await sluice(['get', 'other']);
    expect([exit, err]).toEqual([1, 'sluice: there is no /api/rollouts/default/other\n']);
  });
  test('-n says the namespace, and asks nothing', async () => {
    await sluice(['get', 'demo', '-n', 'pro']);
    expect(api.asked.map(({ path }) => path)).toEqual(['/api/rollouts/pro/demo']);
  });
  test.each(['a/b/c', '/b', 'a/'])('%s is no name', async (name) => {
    expect((await sluice(['get', name])).exit).toBe(2);
  });
});

describe('usage', () => {
  test('without a command: help, exit code 2', async () => {
    const { exit, err } = await sluice([]);
    expect(exit).toBe(2);
    expect(err).toContain('Exit codes:');
  });
  test('an unknown command names the one that was meant', async () => {
    const { exit, err } = await sluice(['prmote', 'demo']);
    expect(exit).toBe(2);
    expect(err).toContain('Did you mean promote?');
  });
  test('help is exit code 0', async () => {
    expect((await sluice(['start', '--help'])).exit).toBe(0);
  });
  test.each([['set-weight', 'demo', '101'], ['set-weight', 'demo', 'x'], ['jump', 'demo', '9'], ['start', 'demo', '--digest', 'sha256:1'], ['start', 'demo', '--image', 'demo:1'], ['plan'], ['unlock', 'demo'], ['events', 'demo', '-r', '-1']])(
    '%s %s %s is refused before anything is sent',
    async (...line) => {
      expect((await sluice(line)).exit).toBe(2);
      expect(posted()).toEqual([]);
    },
  );
  test('every command has examples in its help', async () => {
    for (const [, name = ''] of cliReference().matchAll(/^## sluice (\S+)$/gm)) expect((await sluice([name, '--help'])).out, name).toContain('Examples:\n  ');
  });
});

describe('definitions', () => {
  const mistakes = [
    { line: 14, column: 7, field: 'spec.steps[2].wieght', message: 'unknown field; did you mean `weight`?' },
    { line: 19, column: 5, field: 'spec.steps[3].weight', message: '10 is below the 25 of the step before' },
  ];
  const file = (name: string, text = 'x'): string => {
    writeFileSync(join(directory, name), text);
    return name;
  };
  const wrong = { ok: false, mistakes };
  const right = { ok: true, rollouts: [{ namespace: 'pro', name: 'demo' }] };
  const lintSays = (of: (text: string) => unknown): void => void api.answers.set('POST /api/lint', ({ body }) => ({ body: of((body as { text: string }).text) }));

  test('mistakes are told with file, place, field and what is allowed; exit code 4', async () => {
    lintSays(() => wrong);
    const { exit, out } = await sluice(['lint', '-f', file('rollout.yaml')]);
    expect(exit).toBe(4);
    expect(out).toBe(
      'rollout.yaml:14:7   steps[2].wieght   unknown field; did you mean `weight`?\n' + 'rollout.yaml:19:5   steps[3].weight   10 is below the 25 of the step before\n' + '2 mistakes, 1 file looked at\n',
    );
  });
  test('apply with a mistake in one of two files changes nothing', async () => {
    lintSays((text) => (text === 'bad' ? wrong : right));
    const { exit, err } = await sluice(['apply', '-f', file('good.yaml', 'good'), '-f', file('bad.yaml', 'bad')]);
    expect(exit).toBe(4);
    expect(err).toContain('bad.yaml:14:7');
    expect(err).toContain('2 mistakes, nothing was changed');
    expect(api.asked.some(({ method }) => method === 'PUT')).toBe(false);
  });
  test('apply sends what stdin says', async () => {
    lintSays(() => right);
    api.answers.set('PUT /api/rollouts', { body: { applied: [{ namespace: 'pro', name: 'demo', created: true }] } });
    const { exit, out } = await sluice(['apply', '-f', '-'], { stdin: 'kind: Rollout' });
    expect([exit, out]).toEqual([0, 'pro/demo created\n']);
    expect(posted().at(-1)).toEqual({ text: 'kind: Rollout' });
  });
  test('a refusal of the server is exit code 1 with its reason', async () => {
    lintSays(() => right);
    api.answers.set('PUT /api/rollouts', { status: 409, body: { error: { code: 'claimed', message: 'Deployment pro/demo belongs to pro/other' } } });
    const { exit, err } = await sluice(['apply', '-f', file('a.yaml')]);
    expect([exit, err]).toEqual([1, 'sluice: Deployment pro/demo belongs to pro/other\n']);
  });
  test('mistakes that only the plan finds carry the file, too; and as JSON', async () => {
    api.answers.set('POST /api/plan', { status: 422, body: { error: { code: 'mistakes', message: '2 mistakes', mistakes } } });
    expect((await sluice(['plan', '-f', file('rollout.yaml')])).err).toContain('rollout.yaml:14:7');
    const { exit, err } = await sluice(['plan', '-f', 'rollout.yaml', '--json']);
    expect(exit).toBe(4);
    expect(JSON.parse(err)).toEqual({ error: { code: 'mistakes', message: '2 mistakes', mistakes: mistakes.map((mistake) => ({ ...mistake, file: 'rollout.yaml' })) } });
  });
  test('a plan that would be refused is exit code 1', async () => {
    const plan = { namespace: 'pro', name: 'demo', from: '1.4.2', to: '1.5.0', widest: 6, steps: [], back: [], problems: ['no such Service'] };
    api.answers.set('POST /api/plan', { body: { plan } });
    const { exit, out } = await sluice(['plan', 'demo', '--image', 'host:5000/team/demo:1.5.0']);
    expect(exit).toBe(1);
    expect(out).toContain('no such Service');
    expect(posted()).toEqual([{ rollout: 'pro/demo', image: 'host:5000/team/demo:1.5.0' }]);
  });
  test('a file that is not there is told', async () => {
    const { exit, err } = await sluice(['lint', '-f', 'gone.yaml']);
    expect([exit, err]).toEqual([2, 'sluice: cannot read gone.yaml: there is no such file\n']);
  });
});

describe('orders', () => {
  test.each([
    [['pause', 'demo'], { type: 'pause' }],
    [['resume', 'demo'], { type: 'resume' }],
    [['promote', 'demo'], { type: 'promote' }],
    [['skip', 'demo'], { type: 'skip' }],
    [['retry', 'demo'], { type: 'retry' }],
    [['jump', 'demo', '3'], { type: 'jump', step: 2 }],
    [['jump', 'demo', 'a-b'], { type: 'jump', step: 2 }],
    [['set-weight', 'demo', '40%'], { type: 'setWeight', weight: 40 }],
    [['abort', 'demo', '--reason', 'prices are wrong'], { type: 'abort', reason: 'prices are wrong' }],
    [['unlock', 'demo', '--reason', 'removed by hand'], { type: 'unlock', reason: 'removed by hand' }],
    [['start', 'demo', '--tag', '1.6.0', '--force'], { type: 'start', tag: '1.6.0', force: true }],
    [['start', 'demo', '--image', 'host:5000/team/demo:1.6.0'], { type: 'start', image: 'host:5000/team/demo', tag: '1.6.0' }],
  ])('%j', async (line, command) => {
    judged({ outcome: 'moved' });
    expect((await sluice(line)).exit).toBe(0);
    expect(posted()).toEqual([command]);
  });

  test('one without effect is exit code 5 and says why', async () => {
    judged({ outcome: 'noted', said: 'release 2 is under way' });
    expect(await sluice(['retry', 'demo'])).toMatchObject({ exit: 5, out: 'pro/demo: retry had no effect: release 2 is under way\n' });
    judged({ outcome: 'noted' });
    expect((await sluice(['resume', 'demo'])).out).toBe('pro/demo: resume had no effect: release 2 is stepping, where resume means nothing\n');
  });
  test('one that was not judged in time is told so', async () => {
    judged({});
    expect(await sluice(['pause', 'demo'])).toMatchObject({ exit: 0, out: expect.stringContaining('accepted, not judged yet') });
  });
  test('an approval names the release, step and question it answers', async () => {
    const { rollout, now } = view('approval');
    api.answers.set('GET /api/rollouts/pro/demo', { body: { rollout, now } });
    judged({ outcome: 'moved' });
    const { exit, err } = await sluice(['approve', 'demo', '--comment', 'numbers look fine']);
    expect(exit).toBe(0);
    expect(err).toBe('release 2, step 3: Are the numbers of the A/B group good enough to go on?\n');
    expect(posted()).toEqual([{ type: 'approve', release: 2, step: 2, question: 'Are the numbers of the A/B group good enough to go on?', comment: 'numbers look fine' }]);
  });
  test('nothing asked, nothing answered: exit code 5', async () => {
    expect(await sluice(['approve', 'demo'])).toMatchObject({ exit: 5, err: 'pro/demo asks nothing at present\n' });
    expect(posted()).toEqual([]);
  });
});

describe('following', () => {
  const numbered = (name: string, n: number): WatchAnswer => {
    const answer = view(name);
    return { ...answer, rollout: { ...answer.rollout, release: { ...(answer.rollout.release as NonNullable<typeof answer.rollout.release>), n } } };
  };

  test('start -w follows the new release to its end and exits by its outcome', async () => {
    judged({ outcome: 'moved' });
    for (const [scene, exit] of [['completed', 0], ['rolledBack', 1], ['refused', 1]] as const) {
      // The release before is over, too; it is not the one that was started.
      api.say(numbered('completed', 2));
      const running = sluice(['start', 'demo', '--tag', '1.6.0', '-w']);
      await vi.waitUntil(() => api.watchers() === 1);
      api.say(numbered('hold', 3));
      api.say(numbered(scene, 3));
      const { exit: got, out } = await running;
      expect([scene, got]).toEqual([scene, exit]);
      expect(out.trim().split('\n')).toHaveLength(4);
      await vi.waitUntil(() => api.watchers() === 0);
    }
  });

  test('get -w prints a line a change, connects again when it breaks, and ends when the person leaves', async () => {
    const leave = new AbortController();
    let out = '';
    api.say(view('hold'));
    const running = sluice(['get', 'demo', '-w'], { leave: leave.signal, heard: (text) => (out = text) });
    const lines = (): number => out.split('\n').length - 1;
    await vi.waitUntil(() => lines() === 1);
    api.say(view('hold'));
    api.say(view('measured'));
    await vi.waitUntil(() => lines() === 2);
    api.hangUp();
    await vi.waitUntil(() => api.watchers() === 1, { timeout: 5_000 });
    api.say(view('paused'));
    await vi.waitUntil(() => lines() === 3);
    leave.abort();
    const { exit, err } = await running;
    expect(exit).toBe(0);
    expect(err).toContain('not live, trying again');
    expect(out).toContain('step 2 of 4, paused');
  });

  test('with --json each event is one line of JSON', async () => {
    const leave = new AbortController();
    api.say(view('hold'));
    const { out } = await sluice(['get', 'demo', '-w', '--json'], { leave: leave.signal, heard: (text) => text.endsWith('\n') && leave.abort() });
    expect(JSON.parse(out.trim())).toEqual(view('hold'));
  });

  test('on a terminal the frame is drawn in place, anew after a resize, and stays at the end', async () => {
    const leave = new AbortController();
    const terminal = new EventEmitter();
    let out = '';
    api.say(view('hold'));
    const running = sluice(['get', 'demo', '-w'], { leave: leave.signal, terminal, heard: (text) => (out = text) });
    await vi.waitUntil(() => out.includes('first-users'));
    const drawn = out.length;
    terminal.emit('resize');
    expect(out.slice(drawn)).toContain('\u001b[2J\u001b[H');
    expect(out.slice(drawn)).toContain('first-users');
    api.say(view('completed'));
    await vi.waitUntil(() => out.includes('every user is on 1.5.0'));
    leave.abort();
    expect((await running).exit).toBe(0);
    expect(terminal.listenerCount('resize')).toBe(0);
  });

  test('events -w shows each row once, also when the watch breaks', async () => {
    const { rows } = view('measured');
    const leave = new AbortController();
    let known = rows.slice(0, 3);
    api.answers.set('GET /api/rollouts/pro/demo/events', ({ path }) => {
      const after = Number(new URL(path, api.url).searchParams.get('after'));
      // In portions of two, as a server may.
      return { body: { rows: known.filter(({ version }) => version > after).slice(0, 2) } };
    });
    api.say(view('measured'));
    let out = '';
    const running = sluice(['events', 'demo', '-w', '--json'], { leave: leave.signal, heard: (text) => (out = text) });
    const lines = (): string[] => out.split('\n').slice(0, -1);
    await vi.waitUntil(() => lines().length === 3 && api.watchers() === 1);
    api.hangUp();
    await vi.waitUntil(() => api.watchers() === 1, { timeout: 5_000 });
    known = rows.slice(0, 6);
    api.say(view('measured'));
    await vi.waitUntil(() => lines().length === 6);
    leave.abort();
    await running;
    expect(lines().map((line) => (JSON.parse(line) as { version: number }).version)).toEqual(rows.slice(0, 6).map(({ version }) => version));
  });

  test('a rollout that is not there cannot be watched', async () => {
    expect((await sluice(['get', 'pro/other', '-w'])).exit).toBe(1);
  });
});

describe('what the server says is shown', () => {
  test('colours on a terminal only, and never with NO_COLOR or --no-color', async () => {
    const coloured = async (line: string[], env: Record<string, string> = {}) => (await sluice(line, { env: { SLUICE_URL: api.url, ...env }, terminal: new EventEmitter() })).out.includes('\u001b[');
    expect(await coloured(['get', 'demo'])).toBe(true);
    expect(await coloured(['get', 'demo'], { NO_COLOR: '1' })).toBe(false);
    expect(await coloured(['get', 'demo', '--no-color'])).toBe(false);
    expect((await sluice(['get', 'demo'])).out).not.toContain('\u001b[');
  });
  test('text of others cannot steer the terminal', async () => {
    const { rollout, now } = view('aborted');
    const evil = JSON.parse(JSON.stringify(rollout).replace('prices are wrong', 'x\\u001b]0;owned\\u0007y')) as typeof rollout;
    api.answers.set('GET /api/rollouts/pro/demo', { body: { rollout: evil, now } });
    const { out } = await sluice(['get', 'demo']);
    expect(out).toContain('x ]0;owned y');
    expect(out).not.toContain('\u001b');
  });
  test('--json gives what the API answered', async () => {
    expect(JSON.parse((await sluice(['get', 'demo', '--json'])).out)).toEqual({ rollout: view('measured').rollout, now: view('measured').now });
  });
  test('replay: the same states are 0, the first difference is 1', async () => {
    api.answers.set('GET /api/rollouts/pro/demo/releases/2/replay', { body: { ok: true, rows: 31 } });
    expect(await sluice(['replay', 'demo'])).toMatchObject({ exit: 0, out: 'release 2 of pro/demo: 31 rows, the same states as then\n' });
    api.answers.set('GET /api/rollouts/pro/demo/releases/1/replay', { body: { ok: false, version: 7, expected: 'watching', reached: 'halted' } });
    expect(await sluice(['replay', 'demo', '-r', '1'])).toMatchObject({ exit: 1, out: expect.stringContaining('differs at version 7') });
  });
  test('dead letters are listed and sent again', async () => {
    api.answers.set('GET /api/dead-letters', { body: { deadLetters: [{ id: 'd1', at: 0, reason: 'no such rollout', message: { raw: '{', source: 'registry' } }] } });
    expect((await sluice(['dead-letters'])).out).toMatch(/^d1 .*raw text from registry: \{\n {2}no such rollout\n$/);
    api.answers.set('POST /api/dead-letters/d1/redrive', { body: {} });
    expect((await sluice(['dead-letters', '--redrive', 'd1'])).out).toBe('d1: sent again\n');
  });
  test('push hands the sandbox an image and how its pods behave', async () => {
    api.answers.set('POST /api/sandbox/push', { body: {} });
    expect((await sluice(['push', 'host/team/demo:1.5.1', '-e', 'ERROR_RATE=0.2', '-e', 'URL=a=b'])).exit).toBe(0);
    expect(posted()).toEqual([{ image: 'host/team/demo', tag: '1.5.1', env: { ERROR_RATE: '0.2', URL: 'a=b' } }]);
  });
});

test('images with ports, tags and digests are taken apart', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  expect(imageReference('host:5000/team/demo')).toEqual({ image: 'host:5000/team/demo' });
  expect(imageReference('host:5000/team/demo:1.5.0')).toEqual({ image: 'host:5000/team/demo', tag: '1.5.0' });
  expect(imageReference(`host/demo:1@${digest}`)).toEqual({ image: 'host/demo', tag: '1', digest });
  expect(() => imageReference('demo')).toThrow('is not an image');
});

test('server-sent events survive any cut of their bytes', async () => {
  const bytes = new TextEncoder().encode(': hello\r\nretry: 2000\r\n\r\nid: 1/2\r\ndata: {"a":"ü"}\r\n\r\nevent: x\ndata: 1\ndata:2\n\n\ndata: 3\r\r');
  for (let size = 1; size <= bytes.length; size++) {
    const chunks = (async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      yield new TextEncoder().encode('\n');
    })();
    const [got, told]: [string[], string[]] = [[], []];
    for await (const data of serverSentData(chunks, () => undefined, (field, value) => told.push(`${field} ${value}`))) got.push(data);
    expect(got, `pieces of ${size}`).toEqual(['{"a":"ü"}', '1\n2', '3']);
    expect(told, `pieces of ${size}`).toEqual(['retry 2000', 'id 1/2']);
  }
});

test('a watch of a server that cannot keep a connection goes on by asking for what is new since', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers['last-event-id'] as string | undefined);
    // The last answer does not say when to ask again.
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`${asked.length < 3 ? 'retry: 5\n' : ''}id: at-${asked.length}\ndata: ${asked.length}\n\n`);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  const got: number[] = [];
  for await (const n of apiOf({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: undefined }).follow<number>('/watch', new AbortController().signal)) got.push(n);
  expect([got, asked]).toEqual([[1, 2, 3], [undefined, 'at-1', 'at-2']]);
});

describe('the program as installed', () => {
  const bin = new URL('../bin/sluice', import.meta.url).pathname;
  const run = (file: string, line: readonly string[], shell?: string): Promise<{ code: number | null; out: string }> =>
    new Promise((resolve, reject) => {
      const child = shell === undefined ? spawn(file, line, { cwd: directory }) : spawn(shell, ['-c', file], { cwd: directory });
      let out = '';
      child.stdout.on('data', (data: Buffer) => (out += data.toString()));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, out }));
    });

  test('the launcher runs through a link, from any folder', async () => {
    symlinkSync(bin, join(directory, 'linked'));
    const { code, out } = await run(join(directory, 'linked'), ['get', 'demo', '--url', api.url]);
    expect(code).toBe(0);
    expect(out).toContain('demo · pro · release 2');
  });
  test('completion scripts are understood by their shells and know every command', async () => {
    const { out } = await sluice(['completion', 'bash']);
    writeFileSync(join(directory, 'completion'), out);
    const { code, out: words } = await run('. ./completion; COMP_WORDS=(sluice pr); COMP_CWORD=1; _sluice; echo "${COMPREPLY[@]}"', [], 'bash');
    expect([code, words]).toEqual([0, 'promote\n']);
    for (const shell of ['zsh', 'fish']) expect((await sluice(['completion', shell])).out).toContain('set-weight');
    expect((await sluice(['completion', 'csh'])).exit).toBe(2);
  });
});

test('docs/cli.md is what the commands say now', () => {
  expect(readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8')).toBe(cliReference());
});
