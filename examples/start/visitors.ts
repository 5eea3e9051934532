import { Agent, get } from 'node:http';

/** What visitors got: answers by version and status, and requests that no application answered. */
export interface Felt {
  readonly versions: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly lost: number;
}

export interface Visitors {
  felt(): Felt;
  /** Answers since `since` (ms), by version: how many, and how many of them were errors. */
  recent(since: number): ReadonlyMap<string, { all: number; bad: number }>;
  stop(): Promise<void>;
}

const remembered = 10_000;

/** A steady stream of requests through the gateway. They come by the clock, whether or not earlier ones were answered. */
export const startVisitors = (gateway: string, perSecond: number): Visitors => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const counts = new Map<string, Map<string, number>>();
  let answers: { at: number; version: string; bad: boolean }[] = [];
  let lost = 0;
  const open = new Set<Promise<void>>();

  const visit = (): Promise<void> =>
    new Promise((resolve) => {
      const missed = (): void => {
        lost += 1;
        resolve();
      };
      const request = get(gateway, { agent, timeout: 5_000 }, (response) => {
        response.on('error', missed).on('end', () => {
          const version = response.headers['x-version'];
          if (typeof version !== 'string') return missed();
          const status = String(response.statusCode);
          const byStatus = counts.get(version) ?? new Map<string, number>();
          counts.set(version, byStatus.set(status, (byStatus.get(status) ?? 0) + 1));
          answers.push({ at: Date.now(), version, bad: status.startsWith('5') });
          resolve();
        });
        response.resume();
      });
      request.on('timeout', () => request.destroy()).on('error', missed);
    });

  const timer = setInterval(() => {
    const visiting = visit().finally(() => open.delete(visiting));
    open.add(visiting);
    if (answers.length > remembered) answers = answers.slice(-remembered / 2);
  }, 1_000 / perSecond);

  return {
    felt: () => ({ versions: Object.fromEntries([...counts].map(([version, byStatus]) => [version, Object.fromEntries(byStatus)])), lost }),
    recent(since) {
      const by = new Map<string, { all: number; bad: number }>();
      for (const { at, version, bad } of answers) {
        if (at < since) continue;
        const one = by.get(version) ?? { all: 0, bad: 0 };
        by.set(version, { all: one.all + 1, bad: one.bad + (bad ? 1 : 0) });
      }
      return by;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
    },
  };
};
