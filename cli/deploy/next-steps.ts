import type { Look } from '../text/look.ts';

/** What a deployment answers. */
export interface Deployed {
  readonly stage: string;
  readonly region: string;
  readonly address: string;
  /** Their addresses, by source. */
  readonly webhooks: Readonly<Record<string, string>>;
  /** Where secrets are looked for. */
  readonly secrets: readonly string[];
  readonly clusters: readonly { readonly name: string; readonly region: string }[];
  /** The roles that clusters must let in. */
  readonly roles: readonly string[];
}

/** The address is there, and what is left to do before anything is released. */
export const renderDeployed = (deployed: Deployed, look: Look): string => {
  const { stage, address, webhooks, region } = deployed;
  const hooks = Object.entries(webhooks);
  const width = Math.max(...['address', ...hooks.map(([name]) => name)].map((name) => name.length));
  const steps = [secretsStep(deployed), clustersStep(deployed), sendersStep(deployed), ['Say where it is, with a person\'s token:', `export SLUICE_URL=${address} SLUICE_TOKEN=...`, 'sluice get']].filter(([, ...lines]) => lines.length > 0);
  return [
    look.colours.bold(`Sluice ${stage} is deployed to ${region}`),
    ...[['address', address] as const, ...hooks].map(([name, url]) => `${name.padEnd(width)}  ${url}`),
    ...steps.flatMap(([title, ...lines], at) => ['', `${at + 1}. ${title}`, ...lines.map((line) => `   ${line}`)]),
  ].join('\n');
};

type Step = readonly [title: string, ...lines: readonly string[]];

const secretsStep = ({ secrets, region }: Deployed): Step => ['Put the secrets, unless they are there:', ...secrets.map((ref) => putSecret(ref, region))];

const putSecret = (ref: string, region: string): string => {
  const [, service, name = '', key] = /^(ssm|secretsmanager):([^#]*)(?:#(.*))?$/.exec(ref) ?? [];
  // Tokens by which others prove themselves can be any; those by which Sluice does are given by others.
  const value = /^\/?sluice\/[^/]+\/(people|sources)\//.test(name) ? '"$(openssl rand -hex 32)"' : "'...'";
  if (service === 'ssm') return `aws ssm put-parameter --region ${region} --type SecureString --name ${name} --value ${value}`;
  return key === undefined
    ? `aws secretsmanager create-secret --region ${region} --name ${name} --secret-string ${value}`
    : `aws secretsmanager create-secret --region ${region} --name ${name} --secret-string '{"${key}": "..."}'`;
};

const clustersStep = ({ clusters, roles }: Deployed): Step => [
  'Let it into the clusters, and into each namespace with rollouts (docs/rbac.yaml has the role):',
  ...clusters.flatMap(({ name, region }) => roles.map((role) => `aws eks create-access-entry --region ${region} --cluster-name ${name} --principal-arn ${role} --kubernetes-groups sluice`)),
  ...(clusters.length === 0 ? [] : ['kubectl create rolebinding sluice-aws --namespace NAMESPACE --clusterrole sluice --group sluice']),
];

const sendersStep = ({ webhooks }: Deployed): Step => [
  'Tell the senders, as docs/setup/registry.yml and docs/setup/alertmanager.yml show, with these addresses and their tokens:',
  ...Object.values(webhooks).map((url) => `url: ${url}`),
];
