import { readJson } from '../../events/bounds.ts';
import { awsCall } from '../aws/call.ts';
import { environmentCredentials, type Environment } from '../aws/environment.ts';
import type { Clock } from '../clock.ts';
import { httpOutbound } from '../outbound/http.ts';
import type { Outbound } from '../outbound/port.ts';
import { localSecrets } from './local.ts';
import type { SecretRef, Secrets } from './port.ts';
import { type AwsPlace, secretPlace } from './reference.ts';
import { remembered } from './remembered.ts';

export interface AwsSecretsOptions {
  /** Where Parameter Store and Secrets Manager are asked; a secret named by its ARN is asked for in the region it names. */
  readonly region: string;
  /** Has the credentials, as Lambda sets them, and the variables and paths of `env:` and `file:`. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly send?: Outbound;
}

/**
 * Secrets of AWS Systems Manager Parameter Store (decrypted) and AWS Secrets Manager, beside those of the process itself. What was
 * read is remembered for five minutes, so that a webhook does not wait for AWS and AWS is not paid for each; then it is read again,
 * or earlier when it did not fit (`afterRefusal`), so that a rotated secret counts at once and a withdrawn one not for long.
 */
export const awsSecrets = ({ region, environment, clock, send = httpOutbound() }: AwsSecretsOptions): Secrets => {
  const local = localSecrets(environment);
  const call = awsCall({ send, clock, environment });
  const ask = async (place: AwsPlace): Promise<string> => {
    const { service, target, asked, at } = place.kind === 'ssm' ? parameter(place, region) : secret(place, region);
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    return call({ service, region: at, credentials: environmentCredentials(environment), method: 'POST', path: '/', headers, body: JSON.stringify(asked) });
  };
  const memory = remembered(clock);
  return {
    async read(ref, options) {
      const place = secretPlace(ref);
      if (place.kind === 'env' || place.kind === 'file') return local.read(ref);
      // Keys of one secret are one secret: they are read together.
      const key = `${place.kind}:${place.kind === 'ssm' ? place.name : place.id}`;
      const answer = await memory.get(key, () => ask(place), options).catch((error: Error) => {
        throw new Error(`secret ${ref}: ${error.message}`);
      });
      return valueIn(ref, place, answer);
    },
  };
};

const parameter = ({ name }: Extract<AwsPlace, { kind: 'ssm' }>, region: string) =>
  ({ service: 'ssm', target: 'AmazonSSM.GetParameter', asked: { Name: name, WithDecryption: true }, at: region }) as const;

const secret = ({ id }: Extract<AwsPlace, { kind: 'secretsmanager' }>, region: string) =>
  ({ service: 'secretsmanager', target: 'secretsmanager.GetSecretValue', asked: { SecretId: id }, at: id.startsWith('arn:') ? (id.split(':')[3] ?? region) : region }) as const;

const objectIn = (json: string): Readonly<Record<string, unknown>> | undefined => {
  const read = readJson(json);
  return read.ok && typeof read.value === 'object' && read.value !== null && !Array.isArray(read.value) ? (read.value as Record<string, unknown>) : undefined;
};

/** Nothing of the answer is repeated in an error: any part of it may be the secret. */
const valueIn = (ref: SecretRef, place: AwsPlace, answer: string): string => {
  const fields = objectIn(answer) ?? {};
  const value = place.kind === 'ssm' ? (fields['Parameter'] as { readonly Value?: unknown } | undefined)?.Value : fields['SecretString'];
  if (typeof value !== 'string') throw new Error(`secret ${ref}: ${'SecretBinary' in fields ? 'holds bytes, allowed is a text' : 'AWS answered without a value'}`);
  const text = place.kind === 'ssm' || place.key === undefined ? value : keyIn(ref, value, place.key);
  if (text === '') throw new Error(`secret ${ref}: is empty`);
  return text;
};

const keyIn = (ref: SecretRef, json: string, key: string): string => {
  const object = objectIn(json);
  if (object === undefined) throw new Error(`secret ${ref}: is no JSON object, so it has no key; leave #${key} out if the whole text is the secret`);
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  if (value === undefined) throw new Error(`secret ${ref}: its JSON object has no key ${key}`);
  if (typeof value !== 'string') throw new Error(`secret ${ref}: key ${key} holds a ${value === null ? 'null' : typeof value}, allowed is a text`);
  return value;
};
