/** A stream that lines are written to; `columns` only where it is a terminal. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Everything a command touches besides the API, so that tests can stand in for it. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `.sluice/session.json` and files given by name are looked for. */
  readonly directory: string;
  readonly out: Sink;
  readonly err: Sink;
  readonly stdin: AsyncIterable<string | Uint8Array>;
  /** Aborted when the person wants to leave (Ctrl-C). */
  readonly leave: AbortSignal;
  /** The checkout that is deployed from; the one this code is in when absent. */
  readonly checkout?: string;
}
