import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cannedApi, viewNow, type CannedApi } from './fixtures/canned-api.ts';

const browserPath = '/usr/bin/chromium';
const there = existsSync(browserPath);
const folder = new URL('../web/public/', import.meta.url);
const sources = readdirSync(folder).map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));

describe('the files of the page', () => {
  test('ask nothing of other servers', () => {
    for (const { name, text } of sources) expect(text.replaceAll('http://www.w3.org/2000/svg', ''), name).not.toMatch(/https?:\/\/|url\(/);
  });
  test('never make markup of data, and hold no inline script or style', () => {
    for (const { name, text } of sources) {
      expect(text, name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/);
      expect(text, name).not.toMatch(/<[^>]+ (style|on\w+)=|<style|<script(?![^>]* src=)/);
    }
  });
});

describe.skipIf(!there)(`the page in a browser${there ? '' : ` (skipped: there is no ${browserPath})`}`, () => {
  let context: BrowserContext;
  let data: string;
  let api: CannedApi;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'sluice-page-'));
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
    context = await chromium.launchPersistentContext(data, { executablePath: browserPath, args, viewport: { width: 1200, height: 900 } });
  });
  afterAll(async () => {
    await context.close();
    rmSync(data, { recursive: true, force: true });
  });
  const begin = async (token?: string): Promise<void> => {
    api = await cannedApi(token);
    show('measured');
    api.answers.set('GET /api/rollouts', () => {
      const named = (scene: string, name: string) => ({ ...viewNow(scene).rollout, name });
      return { body: { rollouts: [named('completed', 'shop'), named('measured', 'checkout'), named('approval', 'demo'), named('failing', 'prices')], deadLetters: 1, sandbox: false, now: Date.now() } };
    });
  };
  beforeEach(async () => {
    complaints = [];
    page = await context.newPage();
    // Answers such as 404 and 401 are told by the browser as well; they are part of the tests.
    page.on('console', (message) => message.type() === 'error' && !message.text().startsWith('Failed to load resource') && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await begin();
  });
  afterEach(async () => {
    await page.close();
    await api.close();
    expect(complaints, 'errors in the browser, the content security policy included').toEqual([]);
  });
  /** The rollout pro/demo as this scene has it, from now on. */
  const show = (scene: string): void => {
    const answer = viewNow(scene);
    api.answers.set('GET /api/rollouts/pro/demo/events', ({ path }) => ({ body: { rows: path.endsWith('after=0') ? answer.rows : [] } }));
    api.say({ ...answer, rows: [] });
  };
  const open = (where: string): Promise<unknown> => page.goto(`${api.url}/${where}`);
  const sees = (text: string): Promise<void> => page.getByText(text, { exact: false }).first().waitFor({ timeout: 5_000 });
  const main = (): Promise<string> => page.locator('main').innerText();
  const orders = (): unknown[] => api.asked.filter(({ method }) => method === 'POST').map(({ body }) => body);
  const judged = (answer: object): void => void api.answers.set('POST /api/rollouts/pro/demo/commands', { status: 202, body: { id: 'c', document: 'd', ...answer } });

  test('the fleet: what needs me first, what moves second, the rest folded', async () => {
    await open('');
    await sees('pro/demo');
    const text = await main();
    const order = ['Needs you', 'pro/demo', 'answer: Are the numbers', '1 message could not be handled', 'Moving', 'pro/checkout', '1 rollout at rest'].map((part) => text.indexOf(part));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order[0]).toBeGreaterThanOrEqual(0);
    expect(await page.getByText('pro/shop').isVisible()).toBe(false);
    await page.getByText('1 rollout at rest').click();
    expect(await page.getByText('pro/shop').isVisible()).toBe(true);
    // It stays as the person left it when the screen is drawn again.
    const polls = (): number => api.asked.filter(({ path }) => path === '/api/rollouts').length;
    const before = polls();
    await expect.poll(polls, { timeout: 6_000 }).toBeGreaterThan(before);
    expect(await page.getByText('pro/shop').isVisible()).toBe(true);
  });

  test('a release shows the facts of the frame, live', async () => {
    await open('#/pro/demo');
    await sees('25 %');
    const text = await main();
    for (const part of ['pro/demo 1.4.2 → 1.5.0 (9f3c1a2b)', 'step 2 of 4', '2/2 ready', '2 passed, 3 needed', '0.16 % bad of 1224', 'the hold to end', 'weight 50 %: patch IngressRoute pro/demo', 'all users back on 1.4.2 at once', 'measured: canary 1 bad of 612'])
      expect(text).toContain(part);
    show('rolledBack');
    await sees('rolled back after 43 s: alert HighErrorRate: 12.3 % of answers are 5xx');
    expect(await page.locator('[data-do=abort]').count()).toBe(0);
  });

  test('routine looks are left out of the journal until asked for', async () => {
    await open('#/pro/demo');
    await sees('measured: canary 1 bad of 612');
    expect(await main()).not.toContain('endpoints were looked at');
    await page.getByRole('button', { name: 'Show every row' }).click();
    await sees('endpoints were looked at: 2 ready');
    expect(orders()).toEqual([]);
  });

  test('countdowns tick between events', async () => {
    await open('#/pro/demo');
    const left = async (): Promise<string> => /(\d+m\d+s) left/.exec(await main())?.[1] ?? '';
    await expect.poll(left).not.toBe('');
    const first = await left();
    await expect.poll(left, { timeout: 4_000 }).not.toBe(first);
  });

  test('an order is sent only after it was confirmed, once, and with what was read', async () => {
    judged({ outcome: 'moved' });
    show('approval');
    await open('#/pro/demo');
    await page.locator('[data-do=approve]').click();
    await page.getByRole('button', { name: 'Leave it as it is' }).click();
    expect(orders()).toEqual([]);
    await page.locator('[data-do=approve]').click();
    // The release moves on while the person reads: the answer is still to what was read.
    show('measured');
    await page.getByRole('dialog').locator('input').fill('numbers look fine');
    await page.getByRole('button', { name: 'Approve release 2' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(orders()).toEqual([{ type: 'approve', release: 2, step: 2, question: 'Are the numbers of the A/B group good enough to go on?', comment: 'numbers look fine' }]);
  });

  test('abort carries its reason; an order without effect says why', async () => {
    judged({ outcome: 'noted', said: 'it is going back already' });
    await open('#/pro/demo');
    await page.locator('[data-do=abort]').click();
    await page.getByRole('dialog').locator('input').fill('prices are wrong');
    await page.keyboard.press('Enter');
    await sees('It had no effect: it is going back already.');
    expect(orders()).toEqual([{ type: 'abort', reason: 'prices are wrong' }]);
  });

  test.each([['measured', ['promote', 'pause', 'abort']], ['paused', ['resume', 'abort']], ['halted', ['retry', 'abort']], ['failing', []], ['preparing', ['abort']], ['completed', []]] as const)(
    '%s offers what can be done: %j',
    async (scene, offered) => {
      show(scene);
      await open('#/pro/demo');
      await sees('release 2');
      expect(await page.locator('[data-do]:not([data-do=every])').evaluateAll((buttons) => buttons.map((button) => button.getAttribute('data-do')))).toEqual(offered);
    },
  );

  test('keys: j and k walk, Enter opens, Escape goes back, ? tells', async () => {
    await open('');
    await sees('pro/demo');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.url()).toContain('#/pro/demo');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.url()).toMatch(/#\/$/);
    await page.keyboard.press('?');
    await sees('these keys');
  });

  test('says that it is not live when the connection breaks, and is live again by itself', async () => {
    await open('#/pro/demo');
    await sees('25 %');
    await expect.poll(() => page.locator('#live').innerText()).toBe('live');
    let refuse = true;
    await page.route('**/watch', (route) => (refuse ? route.abort() : route.continue()));
    api.hangUp();
    await expect.poll(() => page.locator('#live').innerText()).toMatch(/^Not live since \d\d:\d\d:\d\d/);
    refuse = false;
    await expect.poll(() => page.locator('#live').innerText(), { timeout: 10_000 }).toBe('live');
  });

  test('stays live where the server cannot keep a connection: asks again for what is new since', async () => {
    const asked: (string | undefined)[] = [];
    await page.route('**/watch', (route) => {
      asked.push(route.request().headers()['last-event-id']);
      const { rows: _rows, ...scene } = viewNow(asked.length < 3 ? 'measured' : 'completed');
      return route.fulfill({ contentType: 'text/event-stream', body: `retry: 50\nid: at-${asked.length}\ndata: ${JSON.stringify({ ...scene, rows: [] })}\n\n` });
    });
    await open('#/pro/demo');
    await sees('25 %');
    await expect.poll(() => asked.slice(0, 3)).toEqual([undefined, 'at-1', 'at-2']);
    await expect.poll(main).toContain('completed');
    expect(await page.locator('#live').innerText()).toBe('live');
  });

  test('a token comes in the fragment, leaves the address, and goes into the header only', async () => {
    await api.close();
    await begin('s3cret');
    await open('#token=s3cret&/pro/demo');
    await sees('25 %');
    expect(page.url()).toBe(`${api.url}/#/pro/demo`);
    expect(api.asked.filter(({ authorization }) => authorization !== 'Bearer s3cret')).toEqual([]);
    expect(api.asked.filter(({ path }) => path.includes('s3cret'))).toEqual([]);
    expect(await page.evaluate('[document.cookie, localStorage.length]')).toEqual(['', 0]);
  });

  test('without a token it asks for one where the server wants it', async () => {
    await api.close();
    await begin('s3cret');
    await open('#/pro/demo');
    await sees('A token, please');
    await page.getByLabel('Token').fill('s3cret');
    await page.keyboard.press('Enter');
    await sees('25 %');
  });

  test('text of others stays text', async () => {
    const { rollout, ...rest } = viewNow('approval');
    const evil = '<img src=x onerror="document.title=\'owned\'">';
    api.say({ ...rest, rows: [], rollout: JSON.parse(JSON.stringify(rollout).replaceAll('Are the numbers of the A/B group good enough to go on?', evil.replaceAll('"', '\\"'))) as typeof rollout });
    await open('#/pro/demo');
    await sees(evil);
    expect(await page.locator('main img').count()).toBe(0);
    expect(await page.title()).toBe('demo · Sluice');
  });

  test('red is for users being hurt, and never the only sign', async () => {
    await open('#/pro/demo');
    await sees('25 %');
    expect(await page.locator('.hurt').count()).toBe(0);
    show('failing');
    await sees('failing');
    expect(await page.locator('.hurt').count()).toBeGreaterThan(0);
    expect(await main()).toMatch(/failing/);
  });

  test('the sandbox is called one, with what its users get', async () => {
    api.answers.set('GET /api/sandbox', { body: { gateway: 'http://demo.localhost:4000/', versions: { '1.4.2': { 200: 5210 }, '1.5.0': { 200: 312, 503: 9 } }, lost: 0, registry: [] } });
    await open('');
    await sees('This is the sandbox.');
    const text = await page.locator('#sandbox').innerText();
    for (const part of ['1.4.2 5,210 answers, all good', '1.5.0 321 answers, 9 failed', '0 requests lost', 'curl -i http://demo.localhost:4000/']) expect(text).toContain(part);
  });

  test.each([320, 390, 768, 1200])('nothing is wider than a screen of %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    for (const [scene, where] of [['approval', '#/pro/demo'], ['failing', '#/pro/demo'], ['approval', '#/']] as const) {
      show(scene);
      await open(where);
      await sees('pro/demo');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    }
  });
});
