/** Addresses a call may reach besides public ones. Link-local, metadata, unspecified and multicast ones can never be allowed. */
export interface Allowance {
  readonly private?: boolean;
  readonly loopback?: boolean;
}

export interface OutboundRequest {
  readonly url: string;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly allow?: Allowance;
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole exchange; 8,000 unless told. */
  readonly timeoutMs?: number;
  /** Largest answer that is read, in bytes; 1 MiB unless told. */
  readonly maxBytes?: number;
}

/**
 * `forbidden`: nothing was sent, because the address may not be called; trying again gives the same.
 * `failed`: no complete answer in time; the request may have arrived all the same.
 * Reasons name scheme, host and port only: paths and queries of webhooks hold secrets.
 */
export type OutboundResult =
  | { readonly outcome: 'answered'; readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array }
  | { readonly outcome: 'forbidden'; readonly reason: string }
  | { readonly outcome: 'failed'; readonly reason: string };

/** Sends one request to a URL that a user configured. Never throws; follows no redirect: a 3xx is an answer like any other. */
export type Outbound = (request: OutboundRequest) => Promise<OutboundResult>;
