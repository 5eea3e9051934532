import type { Visitors } from './visitors.ts';

/** A rule like the one of a real Prometheus, over what visitors got. */
const rule = { windowMs: 2_000, everyMs: 500, share: 0.05, fewest: 5 } as const;

/**
 * Stands in for Prometheus and Alertmanager in the sandbox: looks at the share of errors of each version, and posts Alertmanager's
 * webhook when an alert begins to fire and when it is over.
 */
export const startAlerting = (visitors: Visitors, hook: string, token: string, onSent: (status: string, version: string) => void): (() => void) => {
  const firing = new Map<string, number>();

  const post = async (status: 'firing' | 'resolved', version: string, startsAt: number): Promise<void> => {
    const labels = { alertname: 'HighErrorRate', rollout: 'pro/demo', severity: 'critical', version };
    const body = {
      version: '4',
      status,
      receiver: 'sluice',
      groupKey: `{}:{version="${version}"}`,
      truncatedAlerts: 0,
      groupLabels: { version },
      commonLabels: labels,
      commonAnnotations: {},
      externalURL: '',
      alerts: [
        {
          status,
          labels,
          annotations: { summary: `more than ${rule.share * 100} % errors` },
          startsAt: new Date(startsAt).toISOString(),
          endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : new Date().toISOString(),
          generatorURL: '',
          fingerprint: Buffer.from(version).toString('hex').padEnd(16, '0').slice(0, 16),
        },
      ],
    };
    onSent(status, version);
    await fetch(hook, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  };

  const timer = setInterval(() => {
    const recent = visitors.recent(Date.now() - rule.windowMs);
    for (const [version, { all, bad }] of recent)
      if (!firing.has(version) && all >= rule.fewest && bad / all > rule.share) {
        firing.set(version, Date.now());
        void post('firing', version, Date.now());
      }
    for (const [version, startsAt] of firing) {
      const { all = 0, bad = 0 } = recent.get(version) ?? {};
      if (all > 0 && bad / all > rule.share) continue;
      firing.delete(version);
      void post('resolved', version, startsAt);
    }
  }, rule.everyMs);
  return () => clearInterval(timer);
};
