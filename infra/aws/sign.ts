import type { Millis } from '../../events/input.ts';
import type { AwsCredentials } from './environment.ts';
import type { AwsService } from './endpoint.ts';

export interface Signable {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly service: AwsService;
  readonly region: string;
  readonly credentials: AwsCredentials;
  readonly at: Millis;
}

/** The signer counts in seconds: `20260102T030405Z`. */
const signingTime = (at: Millis): string => new Date(at).toISOString().replace(/[:-]|\.\d{3}/g, '');

const signed = async (request: Signable, signQuery: boolean) => {
  const { AwsV4Signer } = await import('aws4fetch');
  const { method, url, headers, body, service, region, credentials, at } = request;
  return new AwsV4Signer({ method, url, headers, ...(body === undefined ? {} : { body }), service, region, ...credentials, datetime: signingTime(at), allHeaders: true, signQuery }).sign();
};

/** The headers of the request with an AWS Signature Version 4 over all of them and the body. */
export const signHeaders = async (request: Signable): Promise<Readonly<Record<string, string>>> => Object.fromEntries((await signed(request, false)).headers);

/** The URL with the signature in its query; the headers must come with the request, but are not in the URL. */
export const presign = async (request: Signable): Promise<string> => (await signed(request, true)).url.href;
