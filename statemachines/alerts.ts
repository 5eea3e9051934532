import type { Alert, Millis } from '../events/input.ts';
import type { AlertPolicy, Rollout } from './definition/rollout.ts';

/** The first policy whose labels the alert carries, all of them. */
export const policyFor = (rollout: Rollout, labels: Alert['labels']): AlertPolicy | undefined =>
  rollout.alerts.find(({ match }) => Object.entries(match).every(([label, value]) => labels[label] === value));

/** What is remembered of a firing alert. */
export interface FiringAlert {
  readonly startsAt: Millis;
  readonly name: string;
  /** A person said to go on although it fires. */
  readonly waived?: boolean;
}

/** One firing of an alert: it may stop and fire again under the same fingerprint. */
export const firingId = (alert: { readonly fingerprint: string; readonly startsAt: Millis }): string => `${alert.fingerprint}@${alert.startsAt}`;

export const alertName = (alert: Pick<Alert, 'labels' | 'summary'>): string => alert.labels['alertname'] ?? (alert.summary === '' ? 'an alert without a name' : alert.summary);

/**
 * Why an alert says nothing about this release, or undefined when it does (invariant 7): the canary has met nobody yet, we had
 * received it firing before that moment, or it began earlier than clocks may differ.
 */
export const notAbout = (
  alert: Pick<Alert, 'fingerprint' | 'startsAt'>,
  release: { readonly exposedAt: Millis | undefined; readonly firing: Readonly<Record<string, FiringAlert>> },
  skewMs: Millis,
): string | undefined => {
  if (release.exposedAt === undefined) return 'the canary has met nobody yet';
  if (firingId(alert) in release.firing) return 'it was firing before the canary met its first user';
  if (alert.startsAt < release.exposedAt - skewMs) return `it began ${Math.round((release.exposedAt - alert.startsAt) / 1000)} s before the canary met its first user`;
  return undefined;
};
