import { httpOutbound } from '../infra/outbound/http.ts';
import type { Outbound } from '../infra/outbound/port.ts';
import type { Ports } from '../infra/ports.ts';
import type { Secrets } from '../infra/secrets/port.ts';
import { metricsPush, pushEvery, type Push, type Pushed } from '../infra/telemetry/push.ts';
import type { Config } from './config.ts';

type Counted = Pick<Ports, 'store' | 'queue' | 'clock'>;

/** What sends Sluice's own metrics where the configuration says; undefined when it says nothing. Make one a process: it remembers. */
export const pushMetrics = (ports: Counted, config: Config, secrets: Secrets, send: Outbound = httpOutbound()): Push | undefined => {
  const { remoteWrite, outbound } = config;
  if (remoteWrite === undefined) return undefined;
  const { url, auth, instance, everySeconds } = remoteWrite;
  return metricsPush(ports, { url, instance, send, secrets, allow: outbound, ...(auth === undefined ? {} : { auth }) }, everySeconds * 1_000);
};

/** Pushes as often as configured until the disposer is called; `failed` hears of each push that was not taken. */
export const keepPushing = (ports: Counted, config: Config, secrets: Secrets, failed: (pushed: Pushed) => void): (() => void) => {
  const push = pushMetrics(ports, config, secrets);
  if (push === undefined || config.remoteWrite === undefined) return () => undefined;
  return pushEvery(push, ports.clock, config.remoteWrite.everySeconds * 1_000, (pushed) => {
    if (pushed.outcome !== 'written' && pushed.outcome !== 'held') failed(pushed);
  });
};
