import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument } from 'commander';
import { askerOf } from '../deploy/ask.ts';
import { isThere, readDeployable, writeConfig, type Deployable } from '../deploy/configuration.ts';
import { renderDeployed, type Deployed } from '../deploy/next-steps.ts';
import { programsIn } from '../deploy/programs.ts';
import { exitCodes, Failure } from '../exit.ts';
import type { Io } from '../io.ts';
import type { Registrar } from '../session.ts';

interface DeployOptions {
  readonly stage?: string;
  readonly region?: string;
  readonly config?: string;
  readonly eksCluster?: string;
  readonly param?: readonly string[];
  readonly dryRun?: boolean;
}

/** `deploy`: makes the functions, queues and table on AWS, or brings them up to date, by osls and the checkout's serverless.yml. */
export const deployCommand = ({ program, run }: Registrar): void => {
  run<DeployOptions>(
    program
      .command('deploy')
      .addArgument(new Argument('<to>', 'where to').choices(['aws']))
      .summary('deploy Sluice itself')
      .description(
        'Deploys Sluice to AWS, or brings a deployment up to date: bundles the functions, deploys serverless.yml with osls, and says the addresses of the webhooks and what is left to do. In a terminal it asks for what is not given. Credentials are taken from where every AWS program takes them.',
      )
      .option('--stage <stage>', 'dev, prod or a name of yours; prod keeps its table and has more of everything')
      .option('--region <region>', 'where to (AWS_REGION)')
      .option('--config <file>', 'the configuration that is packaged with the functions (sluice.<stage>.yml)')
      .option('--eks-cluster <name>', 'the cluster that a configuration is written for when there is none yet')
      .option('--param <name=value...>', 'parameters of serverless.yml: alarmTopic, subnetIds, securityGroupIds')
      .option('--dry-run', 'only package, which needs no credentials')
      .addHelpText('after', '\nExamples:\n  sluice deploy aws\n  sluice deploy aws --stage prod --region eu-central-1 --config sluice.prod.yml\n  sluice deploy aws --stage dev --region eu-central-1 --eks-cluster demo --dry-run\n  sluice deploy aws --stage prod --region eu-central-1 --param alarmTopic=arn:aws:sns:eu-central-1:123456789012:people'),
    async ({ io, output }, _args, options) => {
      const checkout = io.checkout ?? fileURLToPath(new URL('../../', import.meta.url));
      const given = parametersOf(options.param ?? []);
      const asker = askerOf(io, output.live);
      const stage = await asker.settle({ option: '--stage', text: 'Stage', usual: 'dev', pattern: /^[a-z][a-z0-9-]{0,15}$/, allowed: 'a name of up to 16 small letters, digits and dashes' }, options.stage);
      const here = io.env['AWS_REGION'] ?? io.env['AWS_DEFAULT_REGION'];
      const region = await asker.settle({ option: '--region', text: 'Region', ...(here === undefined ? {} : { usual: here }), pattern: /^[a-z]+(-[a-z]+)+-\d{1,2}$/, allowed: 'a region, like eu-central-1' }, options.region);
      if (options.dryRun !== true) assertCredentials(io);

      const named = await asker.settle({ option: '--config', text: 'Configuration', usual: `sluice.${stage}.yml`, pattern: /^[^-].*$/, allowed: 'a file' }, options.config);
      const config = resolve(io.directory, named);
      if (!isThere(config)) {
        if (!output.live && options.eksCluster === undefined) throw new Failure(exitCodes.usage, 'noConfig', `there is no ${config}; name another by --config, or the cluster it is to be written for by --eks-cluster`);
        const cluster = await asker.settle({ option: '--eks-cluster', text: `There is no ${named}; one is written. EKS cluster`, pattern: /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/, allowed: 'the name of an EKS cluster' }, options.eksCluster);
        writeConfig({ path: config, example: join(checkout, 'deploy', 'sluice.yml'), stage, region, cluster });
        output.note(`${named} is written; its people and sources are examples to edit`);
      } else if (options.eksCluster !== undefined) throw new Failure(exitCodes.usage, 'configThere', `--eks-cluster is for a configuration that is yet to be written, and ${config} is there; name the cluster in it`);
      const deployable = await readDeployable(config, stage);

      const programs = programsIn(checkout, io);
      await programs.bundle(config);
      const where = ['--stage', stage, '--region', region];
      const parameters = Object.entries({ ...deployable.parameters, ...given }).map(([name, value]) => `--param=${name}=${value}`);
      if (options.dryRun === true) {
        await programs.osls(['package', ...where, ...parameters]);
        output.show({ stage, region, packaged: join(checkout, '.serverless') }, ({ packaged }) => `packaged for ${stage} in ${region}, not deployed: ${packaged}`);
        return;
      }
      await programs.osls(['deploy', ...where, ...parameters]);
      output.show(deployedAs(stage, region, deployable, await programs.osls(['info', '--verbose', ...where])), renderDeployed);
    },
  );
};

const parametersOf = (pairs: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([A-Za-z]\w*)=(.*)$/s.exec(pair) ?? [];
      if (name === undefined || value === undefined) throw new Failure(exitCodes.usage, 'badParam', `--param: ${JSON.stringify(pair)} is not allowed; allowed is name=value`);
      return [name, value];
    }),
  );

/** Only whether there are any: AWS says whether they are good. */
const assertCredentials = ({ env }: Io): void => {
  const variables = ['AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'];
  const home = join(env['HOME'] ?? '/', '.aws');
  const files = [env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(home, 'credentials'), env['AWS_CONFIG_FILE'] ?? join(home, 'config')];
  if (variables.some((name) => (env[name] ?? '') !== '') || files.some(isThere)) return;
  throw new Failure(exitCodes.failed, 'noCredentials', `there are no AWS credentials: neither ${variables.slice(0, 2).join(' nor ')} is set, and there is no ${files.join(' and no ')}; set them, or use --dry-run`);
};

/** From the outputs of the stack, as osls prints them. */
const deployedAs = (stage: string, region: string, { sources, secrets, clusters }: Deployable, info: string): Deployed => {
  const outputs = new Map([...info.matchAll(/^\s+(\w+): (\S+)$/gm)].map(([, name = '', value = '']) => [name, value]));
  const address = outputs.get('HttpApiUrl');
  if (address === undefined) throw new Failure(exitCodes.failed, 'noAddress', 'it is deployed, but osls does not say the address of the HTTP API; look for HttpApiUrl among the outputs of the stack');
  return {
    stage,
    region,
    address,
    webhooks: Object.fromEntries(sources.map((name) => [name, `${address}/hooks/${name}`])),
    secrets,
    clusters,
    roles: [...outputs].flatMap(([name, value]) => (name.endsWith('RoleArn') ? [value] : [])),
  };
};
