import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { access, newTokens, setStage } from '../examples/start/stage.ts';
import { playStory } from '../examples/start/story.ts';
import type { WrittenConfig } from '../functions/config.ts';
import { systemClock } from '../infra/clock.ts';
import { createSandbox } from '../infra/cluster/sandbox/sandbox.ts';
import { bundled, bundleFunction } from '../scripts/bundle.ts';
import { startDynamo, startSqs } from './emulators.ts';
import { installRuntimeClient } from './runtime-client.ts';
import { openSandboxApi } from './sandbox-api.ts';
import { openSandboxRegistry } from './sandbox-registry.ts';
import { besideSandbox } from './sandbox-routes.ts';
import { startStack } from './stack.ts';

/**
 * `npm run local`: the story of `npm start` with the functions as they are deployed: bundles under AWS's own runtime client, queues and
 * table on emulators. Only the cluster is the sandbox, in this process. `--exit` ends after the story, `--verbose` shows what the functions write.
 */
const { values } = parseArgs({ options: { exit: { type: 'boolean', default: false }, verbose: { type: 'boolean', default: false }, port: { type: 'string', default: '8090' } } });
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const bundles = fileURLToPath(new URL('../dist', import.meta.url));

const runtimeClient = await installRuntimeClient(say);
await Promise.all(bundled.map((name) => bundleFunction(name, bundles)));
const [sqs, dynamo, folder] = await Promise.all([startSqs(), startDynamo(), mkdtemp(join(tmpdir(), 'sluice-local-'))]);
say(`${pc.bold('Sluice')} as on AWS: bundles under AWS's runtime client, SQS by ${sqs.what}, DynamoDB by ${dynamo.what}.`);
say(`The cluster is the ${pc.bold('sandbox')}, simulated in this process; the pods, the proxy and the requests are real HTTP on loopback.\n`);

const sandbox = createSandbox({ clock: systemClock, http: true });
const [kubernetes, registry] = await Promise.all([openSandboxApi(sandbox), openSandboxRegistry(sandbox.registry)]);
const stage = await setStage(sandbox, registry.host);
const tokens = newTokens();
const config: WrittenConfig = {
  ...access,
  clusters: { default: { kubeconfig: join(folder, 'kubeconfig') } },
  outbound: { private: false, loopback: true },
};
await writeFile(join(folder, 'kubeconfig'), kubernetes.kubeconfig);
await writeFile(join(folder, 'sluice.json'), JSON.stringify(config));

const stack = await startStack({
  runtimeClient,
  bundles,
  sqs,
  dynamo,
  // A LocalStack may still hold what an earlier run left.
  stage: `local-${randomBytes(3).toString('hex')}`,
  config: join(folder, 'sluice.json'),
  environment: { ...tokens },
  port: values.exit && values.port === '8090' ? 0 : Number(values.port),
  beside: besideSandbox(stage.routes, tokens.operator),
  onOutput: (text) => {
    if (values.verbose) process.stderr.write(text);
  },
});

const stop = async (): Promise<void> => {
  const counted = Object.values(stack.functions).map(({ name, tally }) => `${name} ${tally().invocations} (${tally().starts} cold)`);
  await stack.stop();
  await Promise.all([kubernetes.close(), registry.close(), sqs.close(), dynamo.close()]);
  await rm(folder, { recursive: true });
  say(pc.dim(`invocations: ${counted.join(', ')}`));
};
await playStory(stage, { url: stack.url, page: `${stack.url}/#token=${tokens.operator}`, tokens }, { exit: values.exit, stop });
