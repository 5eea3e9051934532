import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runSluice } from '../cli/program.ts';
import { loadConfig } from '../functions/config.ts';

/** Stands in for osls and the bundler: writes down how it was called, and says what it was given to say. */
const fake = `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const [, self, ...args] = process.argv;
const name = self.endsWith('osls') ? 'osls' : 'bundle';
appendFileSync('calls.jsonl', JSON.stringify([name, ...args]) + '\\n');
process.stdout.write(name + ' works\\n');
const { status = 0, says = '' } = JSON.parse(readFileSync('answers.json', 'utf8'))[name + ' ' + (args[0] ?? '')] ?? {};
process.stdout.write(says);
process.exitCode = status;
`;
const info = `service: sluice
stage: prod
endpoints:
  POST - https://abc.execute-api.eu-central-1.amazonaws.com/hooks/{source}

Stack Outputs:
  HttpApiUrl: https://abc.execute-api.eu-central-1.amazonaws.com
  TableName: sluice-prod-Table-1
  WorkerRoleArn: arn:aws:iam::123456789012:role/worker
  UrgentRoleArn: arn:aws:iam::123456789012:role/urgent
`;

let checkout = '';
let directory = '';
beforeEach(() => {
  checkout = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-checkout-')));
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-deploy-')));
  for (const file of ['node_modules/.bin/osls', 'scripts/bundle.ts', 'deploy/sluice.yml']) mkdirSync(dirname(join(checkout, file)), { recursive: true });
  writeFileSync(join(checkout, 'node_modules/.bin/osls'), fake, { mode: 0o755 });
  writeFileSync(join(checkout, 'scripts/bundle.ts'), fake);
  copyFileSync('deploy/sluice.yml', join(checkout, 'deploy/sluice.yml'));
  answers({ 'osls info': { says: info } });
});
afterEach(() => {
  for (const folder of [checkout, directory]) rmSync(folder, { recursive: true, force: true });
});

const answers = (given: Readonly<Record<string, { readonly says?: string; readonly status?: number }>>): void => writeFileSync(join(checkout, 'answers.json'), JSON.stringify(given));
const calls = (): readonly (readonly string[])[] => (existsSync(join(checkout, 'calls.jsonl')) ? readFileSync(join(checkout, 'calls.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as string[]) : []);
const configured = (text: string, name = 'my.yml'): void => writeFileSync(join(directory, name), text);

const credentials = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' };
interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** What somebody types; nobody sits there when absent. */
  readonly typed?: readonly string[];
}
const deploy = async (line: readonly string[], { env = credentials, typed }: Surroundings = {}) => {
  let [out, err] = ['', ''];
  const exit = await runSluice(['deploy', ...line], {
    env: { PATH: process.env['PATH'] ?? '', HOME: directory, ...env },
    directory,
    checkout,
    out: { write: (text) => void (out += text), ...(typed === undefined ? {} : { isTTY: true, columns: 120 }) },
    err: { write: (text) => void (err += text) },
    stdin: (async function* () {
      for (const answer of typed ?? []) yield `${answer}\n`;
    })(),
    leave: new AbortController().signal,
  });
  return { exit, out, err };
};
const prod = ['aws', '--stage', 'prod', '--region', 'eu-central-1'];
const plain = `people: {ada: {role: operator, tokens: ['ssm:/sluice/prod/people/ada']}}
sources: {registry: {kind: distribution, tokens: ['ssm:/sluice/prod/sources/registry']}}
`;

describe('deploying', () => {
  test('bundles with the configuration, deploys, and asks for the addresses', async () => {
    configured(plain);
    const { exit } = await deploy([...prod, '--config', 'my.yml', '--param', 'alarmTopic=arn:aws:sns:eu-central-1:1:t', 'subnetIds=subnet-1,subnet-2']);
    expect(exit).toBe(0);
    expect(calls()).toEqual([
      ['bundle', '--config', join(directory, 'my.yml')],
      ['osls', 'deploy', '--stage', 'prod', '--region', 'eu-central-1', '--param=alarmTopic=arn:aws:sns:eu-central-1:1:t', '--param=subnetIds=subnet-1,subnet-2'],
      ['osls', 'info', '--verbose', '--stage', 'prod', '--region', 'eu-central-1'],
    ]);
  });
  test('says the webhooks, and what is left to do', async () => {
    configured(`${plain}clusters: {default: {eks: {name: demo, region: eu-west-1}}}\nregistries: {r.example.com: {username: 'secretsmanager:sluice/prod/registries/r#user', password: 'secretsmanager:sluice/prod/registries/r#password'}}\n`);
    const { out } = await deploy([...prod, '--config', 'my.yml']);
    expect(out).toContain('registry  https://abc.execute-api.eu-central-1.amazonaws.com/hooks/registry\n');
    expect(out).toContain('aws ssm put-parameter --region eu-central-1 --type SecureString --name /sluice/prod/people/ada --value "$(openssl rand -hex 32)"\n');
    expect(out).toContain(`aws secretsmanager create-secret --region eu-central-1 --name sluice/prod/registries/r --secret-string '{"user": "..."}'\n`);
    for (const role of ['worker', 'urgent']) expect(out).toContain(`aws eks create-access-entry --region eu-west-1 --cluster-name demo --principal-arn arn:aws:iam::123456789012:role/${role} --kubernetes-groups sluice\n`);
    expect(out).toContain('export SLUICE_URL=https://abc.execute-api.eu-central-1.amazonaws.com SLUICE_TOKEN=...\n');
  });
  test('with --json it answers with nothing else', async () => {
    configured(plain);
    const { out, err } = await deploy(['--json', ...prod, '--config', 'my.yml']);
    expect(JSON.parse(out)).toEqual({
      stage: 'prod',
      region: 'eu-central-1',
      address: 'https://abc.execute-api.eu-central-1.amazonaws.com',
      webhooks: { registry: 'https://abc.execute-api.eu-central-1.amazonaws.com/hooks/registry' },
      secrets: ['ssm:/sluice/prod/sources/registry', 'ssm:/sluice/prod/people/ada'],
      clusters: [],
      roles: ['arn:aws:iam::123456789012:role/worker', 'arn:aws:iam::123456789012:role/urgent'],
    });
    expect(err).toContain('osls works\n');
  });
  test('the functions may describe the clusters of the configuration, or assume the roles that stand at them', async () => {
    configured(`${plain}clusters:
  default: {eks: {name: a, region: eu-west-1}}
  two: {eks: {name: b, region: eu-west-2}}
  other: {eks: {name: c, region: eu-west-3, role: 'arn:aws:iam::210987654321:role/sluice'}}
`);
    await deploy([...prod, '--config', 'my.yml']);
    expect(calls()[1]?.slice(-2)).toEqual([
      '--param=clusterArns=arn:${AWS::Partition}:eks:eu-west-1:${AWS::AccountId}:cluster/a,arn:${AWS::Partition}:eks:eu-west-2:${AWS::AccountId}:cluster/b',
      '--param=clusterRoleArns=arn:aws:iam::210987654321:role/sluice',
    ]);
  });
  test('--dry-run packages, without credentials', async () => {
    configured(plain);
    const { exit, out } = await deploy([...prod, '--config', 'my.yml', '--dry-run'], { env: {} });
    expect([exit, out]).toEqual([0, `packaged for prod in eu-central-1, not deployed: ${checkout}/.serverless\n`]);
    expect(calls().map(([name, first]) => `${name} ${first}`)).toEqual(['bundle --config', 'osls package']);
  });
});

describe('what it asks', () => {
  test('in a terminal for all that it was not given; Enter takes what is usual', async () => {
    const { exit, err } = await deploy(['aws'], { env: { ...credentials, AWS_REGION: 'eu-central-1' }, typed: ['prod', '', '', 'demo'] });
    expect(exit).toBe(0);
    expect(err).toMatch(/^Stage \[dev\]: Region \[eu-central-1\]: Configuration \[sluice\.prod\.yml\]: There is no sluice\.prod\.yml; one is written\. EKS cluster: /);
    expect(calls()[1]).toEqual(['osls', 'deploy', '--stage', 'prod', '--region', 'eu-central-1', '--param=clusterArns=arn:${AWS::Partition}:eks:eu-central-1:${AWS::AccountId}:cluster/demo']);
  });
  test('the configuration that it writes is for this stage and cluster', async () => {
    await deploy([...prod, '--eks-cluster', 'demo']);
    const config = await loadConfig(join(directory, 'sluice.prod.yml'));
    expect(config.clusters).toEqual({ default: { eks: { name: 'demo', region: 'eu-central-1' } } });
    expect(config.sources['alerts']).toMatchObject({ kind: 'alertmanager', tokens: ['ssm:/sluice/prod/sources/alerts'] });
  });
  test('again when an answer is not allowed', async () => {
    configured(plain);
    const { exit, err } = await deploy(['aws', '--config', 'my.yml', '--dry-run'], { typed: ['Prod!', 'prod', 'Frankfurt', 'eu-central-1'] });
    expect(exit).toBe(0);
    expect(err).toContain('"Prod!" is not allowed; allowed is a name of up to 16 small letters, digits and dashes\nStage [dev]: ');
    expect(err).toContain('"Frankfurt" is not allowed; allowed is a region, like eu-central-1\nRegion: ');
  });
  test('nobody when nobody is there', async () => {
    expect(await deploy(['aws'])).toMatchObject({ exit: 2, err: 'sluice: --region is missing; give it, or run this in a terminal and be asked\n' });
    expect(await deploy(['aws', '--stage', 'prod', '--region', 'eu-central-1'])).toMatchObject({ exit: 2, err: `sluice: there is no ${directory}/sluice.prod.yml; name another by --config, or the cluster it is to be written for by --eks-cluster\n` });
    expect(await deploy(['aws'], { typed: ['prod'] })).toMatchObject({ exit: 2, err: expect.stringContaining('nobody answered; give --region') });
    expect(calls()).toEqual([]);
  });
});

describe('what is wrong before anything is deployed', () => {
  test.each([
    ['no credentials', [...prod, '--config', 'my.yml'], plain, { env: {} }, 1, /^sluice: there are no AWS credentials: neither AWS_ACCESS_KEY_ID nor AWS_PROFILE is set, and there is no .*\/\.aws\/credentials and no .*; set them, or use --dry-run\n$/],
    ['a stage that cannot be a name', ['aws', '--stage', 'Prod', '--region', 'eu-central-1'], plain, {}, 2, /^sluice: --stage: "Prod" is not allowed; allowed is a name/],
    ['somewhere else', ['azure'], plain, {}, 2, /Allowed choices are aws/],
    ['a parameter that is none', [...prod, '--config', 'my.yml', '--param', 'alarmTopic'], plain, {}, 2, /^sluice: --param: "alarmTopic" is not allowed; allowed is name=value\n$/],
    ['a configuration with mistakes', [...prod, '--config', 'my.yml'], 'people: {ada: {}}', {}, 2, /^sluice: .*\/my\.yml: people\.ada/],
    ['a cluster for a configuration that is there', [...prod, '--config', 'my.yml', '--eks-cluster', 'demo'], plain, {}, 2, /is there; name the cluster in it\n$/],
    ['the secrets of another stage', [...prod, '--config', 'my.yml'], plain.replaceAll('/prod/', '/dev/'), {}, 2, /people: no function can read ssm:\/sluice\/dev\/people\/ada; allowed is ssm:\/sluice\/prod\/people\/NAME/],
    ["another part's secret", [...prod, '--config', 'my.yml'], plain.replace('/sources/', '/people/'), {}, 2, /sources: no function can read ssm:\/sluice\/prod\/people\/registry/],
    ['an environment that functions do not have', [...prod, '--config', 'my.yml'], plain.replace('ssm:/sluice/prod/people/ada', 'env:ADA'), {}, 2, /people: no function can read env:ADA/],
    ['a kubeconfig that functions do not have', [...prod, '--config', 'my.yml'], `${plain}clusters: {default: {kubeconfig: /etc/kubeconfig}}`, {}, 2, /a function has no file \/etc\/kubeconfig; allowed are eks, server and kubeconfigFrom/],
  ] as const)('%s', async (_what, line, config, surroundings, exit, said) => {
    configured(config);
    const ran = await deploy(line, surroundings);
    expect([ran.exit, ran.out]).toEqual([exit, '']);
    expect(ran.err).toMatch(said);
    expect(calls()).toEqual([]);
  });
  test('a secret by its ARN is one of the stage, too', async () => {
    configured(plain.replace('ssm:/sluice/prod/people/ada', 'secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:sluice/prod/people/ada-AbCdEf'));
    expect((await deploy([...prod, '--config', 'my.yml', '--dry-run'])).exit).toBe(0);
  });
});

describe('what goes wrong on the way', () => {
  test('what osls says is shown, and nothing is said to be deployed', async () => {
    configured(plain);
    answers({ 'osls deploy': { says: 'CREATE_FAILED: UrgentQueue\n', status: 1 } });
    const { exit, out, err } = await deploy([...prod, '--config', 'my.yml']);
    expect([exit, out]).toEqual([1, '']);
    expect(err).toContain('CREATE_FAILED: UrgentQueue\nsluice: osls deploy ended with 1; what it said stands above\n');
  });
  test('a bundle that fails is not deployed', async () => {
    configured(plain);
    answers({ 'bundle --config': { status: 1 } });
    expect(await deploy([...prod, '--config', 'my.yml'])).toMatchObject({ exit: 1, err: expect.stringContaining('the bundler ended with 1') });
    expect(calls()).toHaveLength(1);
  });
  test('a deployment without an address says where to look', async () => {
    configured(plain);
    answers({ 'osls info': { says: 'service: sluice\n' } });
    expect(await deploy([...prod, '--config', 'my.yml'])).toMatchObject({ exit: 1, err: expect.stringContaining('look for HttpApiUrl among the outputs') });
  });
  test('a checkout without its packages says how to get them', async () => {
    configured(plain);
    rmSync(join(checkout, 'node_modules'), { recursive: true });
    expect(await deploy([...prod, '--config', 'my.yml'])).toMatchObject({ exit: 1, err: expect.stringContaining('deploy from a checkout of Sluice in which npm ci was run') });
  });
});
