import * as z from 'zod';
import { readJson } from '../../../events/bounds.ts';
import type { Millis } from '../../../events/input.ts';
import type { AwsCall } from '../../aws/call.ts';
import { awsEndpoint } from '../../aws/endpoint.ts';
import { type AwsCredentials, environmentCredentials, type Environment } from '../../aws/environment.ts';
import { renewed } from '../../aws/renewed.ts';
import { assumedRole } from '../../aws/role.ts';
import { presign } from '../../aws/sign.ts';
import type { Clock } from '../../clock.ts';
import type { AccessProvider } from './access.ts';
import { bearerAccess, type Server } from './bearer.ts';

export interface EksCluster {
  readonly name: string;
  readonly region: string;
  /** ARN of a role to assume for everything that concerns this cluster, for instance because it is in another account. */
  readonly role?: string;
}

export interface EksOptions {
  readonly cluster: EksCluster;
  readonly call: AwsCall;
  readonly clock: Clock;
  readonly environment: Environment;
}

/**
 * EKS takes a token for 15 minutes from the moment in its signature. It is kept for 8 rather than made for each request, because
 * EKS asks STS about each token it has not seen; what is left is room for a clock that is five minutes wrong.
 */
const tokenLife: Millis = 480_000;

/** A token that is refused this soon was not refused for its age; another one would be refused as well. */
const leastLife: Millis = 60_000;

const described = z.object({
  cluster: z.object({ status: z.string().optional(), endpoint: z.string().startsWith('https://').optional(), certificateAuthority: z.object({ data: z.base64().min(1) }).partial().optional() }),
});

/**
 * An EKS cluster, reached by the function's own role or by one that it assumes: no kubeconfig, no aws program. Where the API server
 * is and who signed its certificate does not change while a cluster lives, so EKS is asked once a process.
 */
export const eksAccess = ({ cluster, call, clock, environment }: EksOptions): AccessProvider => {
  const { name, region, role } = cluster;
  const own = (): AwsCredentials => environmentCredentials(environment);
  const credentials = role === undefined ? (): Promise<AwsCredentials> => Promise.resolve(own()) : assumedRole({ role, region, credentials: own, call, clock });

  const server = renewed(async () => {
    const what = `EKS cluster ${name} in ${region}`;
    return serverIn(what, await call({ service: 'eks', region, credentials: await credentials(), method: 'GET', path: `/clusters/${encodeURIComponent(name)}` }));
  });

  const token = renewed(async () => {
    const made = clock.now();
    return { made, text: await eksToken({ name, region, credentials: await credentials(), environment, at: made }) };
  });

  return bearerAccess({
    server: () => server(() => true),
    clock,
    token: async (refused) => (await token(({ made }) => clock.now() - made < (refused ? leastLife : tokenLife))).text,
  });
};

const serverIn = (what: string, answer: string): Server => {
  const read = readJson(answer);
  const { cluster } = described.safeParse(read.ok ? read.value : undefined).data ?? {};
  if (cluster === undefined) throw new Error(`${what}: EKS described it in a way that is not understood`);
  const { status, endpoint, certificateAuthority } = cluster;
  if (endpoint === undefined || certificateAuthority?.data === undefined) throw new Error(`${what}: has no API server yet; its status is ${status ?? 'not said'}`);
  return { url: endpoint, ca: Buffer.from(certificateAuthority.data, 'base64').toString('utf8') };
};

export interface EksTokenOptions {
  readonly name: string;
  readonly region: string;
  readonly credentials: AwsCredentials;
  readonly environment: Environment;
  readonly at: Millis;
}

/**
 * A token for one EKS cluster, as aws-iam-authenticator defines it: the URL of an STS GetCallerIdentity that is signed for the
 * cluster's name and for 60 seconds. Whoever gets it can ask STS once who we are, and do nothing else with it.
 */
export const eksToken = async ({ name, region, credentials, environment, at }: EksTokenOptions): Promise<string> => {
  const query = new URLSearchParams({ Action: 'GetCallerIdentity', Version: '2011-06-15', 'X-Amz-Expires': '60' });
  const url = await presign({ method: 'GET', url: `${awsEndpoint('sts', region, environment)}/?${query.toString()}`, headers: { 'x-k8s-aws-id': name }, service: 'sts', region, credentials, at });
  return `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`;
};
