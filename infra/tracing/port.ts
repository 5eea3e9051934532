import type { DocumentId, Json, Millis, Trace } from '../../events/input.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** What a line is about. From the document follows the release; of the trace its id is written. */
export interface About {
  readonly trace?: Trace | undefined;
  readonly document?: DocumentId | undefined;
  readonly [field: string]: Json | undefined;
}

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanStart {
  readonly name: string;
  readonly kind: 'server' | 'consumer' | 'internal';
  /** What caused it; without one it begins a trace. */
  readonly parent?: Trace | undefined;
  readonly document?: DocumentId | undefined;
  readonly startedAt?: Millis;
  readonly attributes?: Attributes;
}

export interface Span {
  /** Names this span, for whatever follows from it. */
  readonly trace: Trace;
  /** A `failure` makes it a failed one, with the reason. */
  end(attributes?: Attributes, failure?: string): void;
}

/** How Sluice tells what it does. Nothing here throws, and nothing waits but `flush` and `close`. */
export interface Tracing {
  /** Writes one line, where lines of this level are written at all. */
  log(level: Level, message: string, about: About): void;
  /** Absent where no spans are exported, so that nobody makes any. */
  readonly span?: (start: SpanStart) => Span;
  /** Sends what spans are left, before a function is frozen. Gives up after half a second, and for a while does not try again. */
  flush(): Promise<void>;
  /** Like `flush`, for the last time. */
  close(): Promise<void>;
}
