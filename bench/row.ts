/** Numbers of one measurement. `p50` and `p99` are of `n` single ones; `value` is a rate, a count or a size. */
export interface Figures {
  readonly unit: 'ms' | 'µs' | '/s' | 'requests' | 'MB' | 'KB';
  readonly n?: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly value?: number;
}

/** One line of the table of DESIGN section 8. */
export interface Row {
  readonly what: string;
  readonly measured: Figures;
  /** The same without Sluice, in the same run; `what` says what it does. */
  readonly baseline?: Figures & { readonly what: string };
  /** Median by median, or value by value; how many times the baseline Sluice takes (rates: how much of it is left). */
  readonly ratio?: number;
  readonly bar?: { readonly text: string; readonly met: boolean };
  /** What the peers were measured at. */
  readonly peers?: string;
  readonly notes?: readonly string[];
}

export interface BenchOptions {
  /** Few rounds, to see that it runs; its numbers mean nothing. */
  readonly quick: boolean;
}

export interface Bench {
  readonly about: string;
  readonly run: (options: BenchOptions) => Promise<readonly Row[]>;
}
