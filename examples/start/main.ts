import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { readConfig } from '../../functions/config.ts';
import { serve } from '../../functions/serve.ts';
import { systemClock } from '../../infra/clock.ts';
import { createSandbox } from '../../infra/cluster/sandbox/sandbox.ts';
import type { Secrets } from '../../infra/secrets/port.ts';
import { access, newTokens, setStage } from './stage.ts';
import { playStory } from './story.ts';

/**
 * `npm start`: Sluice on the sandbox, all in this process. Releases a good version and a bad one while visitors keep coming, tells the
 * story, and then stays up to be played with. `--exit` ends after the story, with 0 only if it went as it should.
 */
const { values } = parseArgs({ options: { exit: { type: 'boolean', default: false }, port: { type: 'string', default: '8090' } } });

const tokens = newTokens();
const secrets: Secrets = {
  read: (ref) => {
    const token = new Map(Object.entries(tokens)).get(ref.replace(/^env:/, ''));
    return token === undefined ? Promise.reject(new Error(`there is no secret ${ref}`)) : Promise.resolve(token);
  },
};

process.stdout.write(`${pc.bold('Sluice')} on the ${pc.bold('sandbox')}: the cluster is simulated in this process; the pods, the proxy and the requests are real HTTP on loopback.\n\n`);
const sandbox = createSandbox({ clock: systemClock, http: true });
const stage = await setStage(sandbox, 'registry.sandbox');
const serving = await serve({
  secrets,
  config: readConfig({ ...access, database: ':memory:', listen: { port: values.exit && values.port === '8090' ? 0 : Number(values.port) }, anonymousReads: true }),
  outer: { cluster: () => Promise.resolve(sandbox.cluster), registry: sandbox.registry, metrics: () => undefined },
  sandbox: stage.routes,
});
await playStory(stage, { url: serving.url, tokens }, { exit: values.exit, stop: () => serving.stop() });
