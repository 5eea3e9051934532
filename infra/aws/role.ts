import type { Millis } from '../../events/input.ts';
import type { Clock } from '../clock.ts';
import type { AwsCall } from './call.ts';
import type { AwsCredentials } from './environment.ts';
import { renewed } from './renewed.ts';

/** Credentials this close to their end are replaced: what is signed with them, a token for EKS, is used for up to eight minutes. */
const margin: Millis = 600_000;

export interface RoleOptions {
  /** ARN of the role. */
  readonly role: string;
  readonly region: string;
  readonly credentials: () => AwsCredentials;
  readonly call: AwsCall;
  readonly clock: Clock;
}

/** The credentials of a role that ours may assume, by STS AssumeRole, kept for the hour that they last. */
export const assumedRole = ({ role, region, credentials, call, clock }: RoleOptions): (() => Promise<AwsCredentials>) => {
  const session = renewed(async () => {
    const query = { Action: 'AssumeRole', Version: '2011-06-15', RoleArn: role, RoleSessionName: 'sluice' };
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await call({ service: 'sts', region, credentials: credentials(), method: 'POST', path: '/', headers, body: new URLSearchParams(query).toString() }).catch((error: Error) => {
      throw new Error(`role ${role} could not be assumed: ${error.message}`);
    });
    return given(role, answer);
  });
  return () => session(({ until }) => until - clock.now() > margin);
};

const given = (role: string, xml: string): Required<AwsCredentials> & { readonly until: Millis } => {
  const field = (name: string): string => {
    const value = new RegExp(`<${name}>\\s*([^<\\s]+)\\s*</${name}>`).exec(xml)?.[1];
    if (value === undefined) throw new Error(`role ${role} could not be assumed: the answer of STS has no ${name}`);
    return value;
  };
  const until = Date.parse(field('Expiration'));
  if (Number.isNaN(until)) throw new Error(`role ${role} could not be assumed: the answer of STS says not when the credentials end`);
  return { accessKeyId: field('AccessKeyId'), secretAccessKey: field('SecretAccessKey'), sessionToken: field('SessionToken'), until };
};
