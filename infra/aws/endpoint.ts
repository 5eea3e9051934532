import type { Environment } from './environment.ts';

/** The services that are called without their SDK, as host names and signatures spell them. */
export type AwsService = 'eks' | 'secretsmanager' | 'ssm' | 'sts';

/** What the SDKs call them in the variables that lead elsewhere. */
const variables: Readonly<Record<AwsService, string>> = { eks: 'EKS', secretsmanager: 'SECRETS_MANAGER', ssm: 'SSM', sts: 'STS' };

/**
 * Where a service is in a region: always its regional endpoint, because the global one of STS gives tokens that young regions
 * refuse. China has a domain of its own; GovCloud has the usual one. `AWS_ENDPOINT_URL_STS` and its like, then `AWS_ENDPOINT_URL`,
 * lead elsewhere, as in every AWS SDK.
 */
export const awsEndpoint = (service: AwsService, region: string, environment: Environment): string => {
  const override = environment[`AWS_ENDPOINT_URL_${variables[service]}`] || environment['AWS_ENDPOINT_URL'];
  if (override) return override.replace(/\/+$/, '');
  return `https://${service}.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`;
};
