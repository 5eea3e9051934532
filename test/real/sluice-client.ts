import { createHash } from 'node:crypto';
import type { Json } from '../../events/input.ts';
import type { WrittenConfig } from '../../functions/config.ts';
import type { JournalRow } from '../../statemachines/document.ts';
import type { RolloutView } from '../../statemachines/view.ts';

export const alertToken = 'alerts-token';
/** What the configuration below refers to. */
export const tokens = { HOOK_TOKEN: process.env['SLUICE_REAL_HOOK_AUTHORIZATION']?.replace(/^Bearer /, '') ?? '', ALERT_TOKEN: alertToken, PERSON_TOKEN: 'person-token' } as const;
/** Who may do what, and the kit's own registry. */
export const access = {
  sources: { registry: { kind: 'distribution', tokens: ['env:HOOK_TOKEN'] }, alerts: { kind: 'alertmanager', tokens: ['env:ALERT_TOKEN'] } },
  people: { tester: { tokens: ['env:PERSON_TOKEN'], role: 'operator' } },
  registries: { '127.0.0.1:5000': { insecure: true } },
  outbound: { private: true, loopback: true },
} as const satisfies Partial<WrittenConfig>;
const answersWithinMs = 15_000;

export interface Alert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: Date;
}

/** Sluice over HTTP, wherever it runs. */
export interface SluiceClient {
  readonly url: string;
  apply(definition: Json): Promise<void>;
  /** Sends an order; the answer says what became of it. */
  command(rollout: string, command: { readonly type: string; readonly [field: string]: Json | undefined }): Promise<{ readonly outcome?: string; readonly said?: string }>;
  view(rollout: string): Promise<RolloutView>;
  journal(rollout: string, release: number): Promise<readonly JournalRow[]>;
  /** The rollout's own journal: pushes, orders to start, releases that ended. */
  rolloutJournal(rollout: string): Promise<readonly JournalRow[]>;
  /** Does the journal, fed through the machine again, reach the same states? */
  replays(rollout: string, release: number): Promise<Json>;
  deadLetters(): Promise<readonly Json[]>;
  /** As Alertmanager posts it; resolves when Sluice has answered. */
  alert(alert: Alert): Promise<void>;
}

/** Told and asked over HTTP alone. */
export const sluiceAt = (url: string): SluiceClient => {
  const ask = async (method: string, path: string, body?: Json, token: string = tokens.PERSON_TOKEN): Promise<unknown> => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(answersWithinMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return JSON.parse(text);
  };

  const rows = async (rollout: string, release: number): Promise<readonly JournalRow[]> =>
    ((await ask('GET', `/api/rollouts/${rollout}/events?release=${release}`)) as { rows: JournalRow[] }).rows;

  return {
    url,
    async apply(definition) {
      await ask('PUT', '/api/rollouts', { text: JSON.stringify(definition) });
    },
    command: async (rollout, command) => (await ask('POST', `/api/rollouts/${rollout}/commands`, command)) as { outcome?: string; said?: string },
    view: async (rollout) => ((await ask('GET', `/api/rollouts/${rollout}`)) as { rollout: RolloutView }).rollout,
    journal: rows,
    rolloutJournal: (rollout) => rows(rollout, 0),
    replays: async (rollout, release) => (await ask('GET', `/api/rollouts/${rollout}/releases/${release}/replay`)) as Json,
    deadLetters: async () => ((await ask('GET', '/api/dead-letters')) as { deadLetters: Json[] }).deadLetters,
    async alert({ status, labels, startsAt }) {
      const fingerprint = createHash('sha256').update(JSON.stringify(labels)).digest('hex').slice(0, 16);
      const alert = { status, labels: { ...labels }, annotations: {}, startsAt: startsAt.toISOString(), endsAt: '0001-01-01T00:00:00Z', generatorURL: '', fingerprint };
      await ask('POST', '/hooks/alerts', { version: '4', groupKey: '{}', truncatedAlerts: 0, status, receiver: 'sluice', alerts: [alert] }, alertToken);
    },
  };
};
