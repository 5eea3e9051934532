import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig, readConfig } from '../functions/config.ts';
import { parseDefinitions } from '../statemachines/definition/parse.ts';

const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/**/*.md')];
const textOf = (file: string): string => readFileSync(file, 'utf8');
const read = (file: string): unknown => parse(textOf(file));

describe('what the pages say', () => {
  test.each(pages)('every file that %s links to is there', (page) => {
    const targets = [...textOf(page).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target).filter((target) => !/^[a-z]+:/.test(target));
    expect(targets.filter((target) => !existsSync(join(dirname(page), target)))).toEqual([]);
  });

  test('the definition in the README has no mistakes', () => {
    const [, text = ''] = /```yaml\n(apiVersion:[\s\S]*?)```/.exec(textOf('README.md')) ?? [];
    expect(parseDefinitions(text)).toMatchObject({ ok: true, rollouts: [{ name: 'demo', namespace: 'pro' }] });
  });

  test('the commands in the README are scripts that there are', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const named = [...textOf('README.md').matchAll(/npm (?:run )?([a-z:]+)/g)].map(([, name = '']) => name).filter((name) => name !== 'run' && name !== 'and');
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  test('the configuration page names every field', () => {
    const page = textOf('docs/configuration.md');
    expect(Object.keys(readConfig({})).filter((field) => !page.includes(`\`${field}`))).toEqual([]);
  });
});

describe('the files to start from', () => {
  test('the configuration is taken, and its secrets are named, not written', async () => {
    const config = await loadConfig('docs/setup/sluice.yaml');
    expect(Object.keys(config.sources)).toEqual(['registry', 'alerts']);
    expect(config.listen.host).toBe('127.0.0.1');
  });

  test('registry and Alertmanager send to webhooks that the configuration has', async () => {
    const { sources, listen } = await loadConfig('docs/setup/sluice.yaml');
    const hooks = Object.keys(sources).map((name) => `http://127.0.0.1:${listen.port}/hooks/${name}`);
    expect(read('docs/setup/registry.yml')).toMatchObject({ notifications: { endpoints: [{ url: hooks[0] }] } });
    expect(read('docs/setup/alertmanager.yml')).toMatchObject({ receivers: expect.arrayContaining([expect.objectContaining({ webhook_configs: [expect.objectContaining({ url: hooks[1] })] })]) });
  });

  test('nothing waits longer than five seconds between an error and its alert', () => {
    expect(read('docs/setup/prometheus.yml')).toMatchObject({ global: { scrape_interval: '5s', evaluation_interval: '5s' } });
    expect(textOf('docs/setup/rules.yml')).not.toContain('for:');
    expect(read('docs/setup/alertmanager.yml')).toMatchObject({ route: { routes: expect.arrayContaining([expect.objectContaining({ receiver: 'sluice', group_wait: '0s' })]) } });
  });
});
