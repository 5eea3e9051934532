import { awsRegion, type Environment } from '../aws/environment.ts';
import type { Clock } from '../clock.ts';
import { awsSecrets } from './aws.ts';
import { localSecrets } from './local.ts';
import type { Secrets } from './port.ts';

/** All secrets that this process can reach: its own environment and files always, AWS's where region and credentials are in the environment. */
export const environmentSecrets = (clock: Clock, environment: Environment = process.env): Secrets => {
  const region = awsRegion(environment);
  return region === undefined ? localSecrets(environment) : awsSecrets({ region, environment, clock });
};
