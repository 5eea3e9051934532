import { RE2JS } from 're2js';

/** One request as the routing model sees it. Header names in lower case. */
export interface GatewayRequest {
  readonly host: string;
  /** With the query, as in the request line. */
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly clientIp?: string;
}

export type Matcher = (request: GatewayRequest) => boolean;

/** Host without its port, in lower case. */
export const hostOf = (request: GatewayRequest): string => request.host.toLowerCase().replace(/:\d+$/, '');

export const pathOf = (request: GatewayRequest): string => request.path.split('?', 1)[0] || '/';

export const queryOf = (request: GatewayRequest): URLSearchParams => new URLSearchParams(request.path.split('?').slice(1).join('?'));

export const headerOf = (request: GatewayRequest, name: string): string | undefined => request.headers?.[name.toLowerCase()];

/** How a value is compared. Regular expressions must match the whole value. */
export const comparison = (type: string | undefined, value: string): ((found: string | undefined) => boolean) => {
  if (type !== 'RegularExpression') return (found) => found === value;
  const pattern = RE2JS.compile(value);
  return (found) => found !== undefined && pattern.matches(found);
};

/** Requests to a host: `*.example.com` is any below it, `*` or nothing any at all. */
export const hostMatcher = (hostname: string): Matcher => {
  if (hostname === '' || hostname === '*') return () => true;
  if (!hostname.startsWith('*.')) return (request) => hostOf(request) === hostname.toLowerCase();
  return (request) => hostOf(request).endsWith(hostname.slice(1).toLowerCase());
};
