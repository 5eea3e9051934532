import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { loadConfig, type Config } from '../../functions/config.ts';
import { exitCodes, Failure } from '../exit.ts';

/** What a configuration means for the deployment around it. */
export interface Deployable {
  /** Names of its webhooks. */
  readonly sources: readonly string[];
  readonly clusters: readonly { readonly name: string; readonly region: string }[];
  /** Where secrets must be, each once. */
  readonly secrets: readonly string[];
  /** Parameters of serverless.yml that follow from it. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** The folder of secrets that each part of a configuration may name; deploy/roles.yml lets functions read these. */
const folders = { sources: 'sources', people: 'people', clusters: 'clusters', registries: 'registries', metrics: 'metrics', remoteWrite: 'telemetry', tracing: 'telemetry' } as const satisfies Partial<Record<keyof Config, string>>;

/** Reads a configuration for functions of this stage. Throws one failure that names every mistake. */
export const readDeployable = async (path: string, stage: string): Promise<Deployable> => {
  const config = await loadConfig(path).catch((error: unknown) => {
    throw new Failure(exitCodes.usage, 'badConfig', error instanceof Error ? error.message : String(error));
  });
  const secrets = new Set<string>();
  const mistakes: string[] = [];
  for (const [part, folder] of Object.entries(folders))
    for (const ref of referencesIn(config[part as keyof typeof folders])) {
      secrets.add(ref);
      if (!mayBeRead(ref, `sluice/${stage}/${folder}/`)) mistakes.push(`${path}: ${part}: no function can read ${ref}; allowed is ssm:/sluice/${stage}/${folder}/NAME or secretsmanager:sluice/${stage}/${folder}/NAME`);
    }
  const clusters = Object.values(config.clusters).flatMap((way) => ('eks' in way ? [way.eks] : []));
  for (const [name, way] of Object.entries(config.clusters)) if ('kubeconfig' in way && way.kubeconfig !== undefined) mistakes.push(`${path}: clusters.${name}: a function has no file ${way.kubeconfig}; allowed are eks, server and kubeconfigFrom`);
  if (mistakes.length > 0) throw new Failure(exitCodes.usage, 'badConfig', mistakes.join('\n'));
  const own = clusters.filter(({ role }) => role === undefined).map(({ name, region }) => `arn:\${AWS::Partition}:eks:${region}:\${AWS::AccountId}:cluster/${name}`);
  const roles = clusters.flatMap(({ role }) => role ?? []);
  return {
    sources: Object.keys(config.sources),
    clusters: clusters.map(({ name, region }) => ({ name, region })),
    secrets: [...secrets],
    parameters: { ...(own.length === 0 ? {} : { clusterArns: own.join(',') }), ...(roles.length === 0 ? {} : { clusterRoleArns: [...new Set(roles)].join(',') }) },
  };
};

/** Everything in it that is written like a secret's place. Certificates and addresses are not. */
const referencesIn = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return /^(env|file|ssm|secretsmanager):(?!\/\/)/.test(value) ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(referencesIn) : [];
};

const mayBeRead = (ref: string, prefix: string): boolean => ref.startsWith(`ssm:/${prefix}`) || (ref.startsWith('secretsmanager:') && ref.replace(/^secretsmanager:(arn:[^/]*:secret:)?/, '').startsWith(prefix));

export interface NewConfig {
  readonly path: string;
  /** The commented example that it begins as. */
  readonly example: string;
  readonly stage: string;
  readonly region: string;
  readonly cluster: string;
}

/** Writes a configuration to start from. Never over one that is there. */
export const writeConfig = ({ path, example, stage, region, cluster }: NewConfig): void => {
  const text = readFileSync(example, 'utf8').replaceAll('/sluice/dev/', `/sluice/${stage}/`);
  writeFileSync(path, `${text}\nclusters:\n  default: {eks: {name: ${cluster}, region: ${region}}}\n`, { flag: 'wx' });
};

export const isThere = (path: string): boolean => existsSync(path);
