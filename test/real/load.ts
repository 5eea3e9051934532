import http from 'node:http';

export interface LoadOptions {
  /** The Host header, by which Traefik routes. */
  readonly host: string;
  readonly ratePerSecond: number;
  /** The load ends by itself after this long, so that a test that hangs does not leave it running. */
  readonly maxSeconds: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the load is sent. Default: the kit's Traefik. */
  readonly to?: { readonly address: string; readonly port: number };
}

/** One request. `at` is when it was due, milliseconds since the epoch; without an answer there is an `error` and no status. */
export interface Answer {
  readonly at: number;
  readonly tookMs: number;
  readonly status?: number;
  readonly version?: string;
  readonly error?: string;
}

export interface LoadReport {
  readonly sent: number;
  /** How many answers came from each version of the demo. */
  readonly byVersion: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
  /** What no pod of the demo answered: no answer at all, or one that the proxy made up. A 500 of the demo's own is not lost. */
  readonly lost: readonly Answer[];
  /** All of them, in the order they were due. */
  readonly answers: readonly Answer[];
}

export interface Load {
  /** How many requests are out or answered. */
  sent(): number;
  /** Sends no more, waits for the answers that are out. */
  stop(): Promise<LoadReport>;
}

const answerDeadlineMs = 5_000;
const tickMs = 5;

const ask = (options: LoadOptions, agent: http.Agent, at: number): Promise<Answer> =>
  new Promise((resolve) => {
    const started = performance.now();
    const done = (rest: Omit<Answer, 'at' | 'tookMs'>): void => resolve({ at, tookMs: performance.now() - started, ...rest });
    const { address, port } = options.to ?? { address: '127.0.0.1', port: 8000 };
    const signal = AbortSignal.timeout(answerDeadlineMs);
    const request = http.get({ host: address, port, agent, path: options.path ?? '/', headers: { ...options.headers, host: options.host }, signal }, (response) => {
      const version = response.headers['x-version'];
      response.resume();
      response.on('error', (error) => done({ error: error.message }));
      response.on('end', () => done({ status: response.statusCode ?? 0, ...(typeof version === 'string' ? { version } : {}) }));
    });
    request.on('error', (error) => done({ error: error.message }));
  });

const tally = (answers: readonly Answer[], key: (answer: Answer) => string | undefined): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const answer of answers) {
    const name = key(answer);
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};

/**
 * Sends requests at a steady rate, whether or not earlier ones have been answered (open loop), so that a stall costs as many
 * requests as it would cost users. At most `ratePerSecond * maxSeconds` are sent, each ends within five seconds.
 */
export const startLoad = (options: LoadOptions): Load => {
  const agent = new http.Agent({ keepAlive: true });
  const most = options.ratePerSecond * options.maxSeconds;
  const spacingMs = 1000 / options.ratePerSecond;
  const startedAt = Date.now();
  const started = performance.now();
  const asked: Promise<Answer>[] = [];
  const timer = setInterval(() => {
    const due = Math.min(most, Math.floor((performance.now() - started) / spacingMs) + 1);
    while (asked.length < due) asked.push(ask(options, agent, startedAt + asked.length * spacingMs));
    if (asked.length >= most) clearInterval(timer);
  }, tickMs);

  return {
    sent: () => asked.length,
    async stop() {
      clearInterval(timer);
      const answers = await Promise.all(asked);
      agent.destroy();
      return {
        sent: answers.length,
        byVersion: tally(answers, (each) => each.version),
        byStatus: tally(answers, (each) => (each.status === undefined ? undefined : String(each.status))),
        lost: answers.filter((each) => each.version === undefined),
        answers,
      };
    },
  };
};
