import { parseAlertmanager } from './alertmanager.ts';
import { parseDistribution } from './distribution.ts';
import type { Parser } from './parsed.ts';

/** Who may call us: kind of sender -> how its requests are read. A new sender is one file and one line here. */
export const senders = {
  alertmanager: parseAlertmanager,
  distribution: parseDistribution,
} as const satisfies Record<string, Parser>;
