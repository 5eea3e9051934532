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
