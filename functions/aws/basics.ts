import { systemClock, type Clock } from '../../infra/clock.ts';
import { environmentSecrets } from '../../infra/secrets/environment.ts';
import type { Secrets } from '../../infra/secrets/port.ts';
import { sqsClient } from '../../infra/sqs/client.ts';
import { sqsQueue, type SqsQueue } from '../../infra/sqs/queue.ts';
import { openTracing } from '../../infra/tracing/open.ts';
import type { Tracing } from '../../infra/tracing/port.ts';
import { loadConfig, type Config } from '../config.ts';
import { readEnvironment, type Settings } from './environment.ts';

/** What every function on AWS has: once for each start, not for each invocation. */
export interface Basics {
  readonly settings: Settings;
  readonly config: Config;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly queue: SqsQueue;
  readonly tracing: Tracing;
}

/** Throws, so that the function does not start, when environment or configuration are not what they must be. */
export const openBasics = async (): Promise<Basics> => {
  const settings = readEnvironment();
  const config = await loadConfig(settings.config);
  if (config.anonymousReads) throw new Error(`${settings.config}: anonymousReads is only for a server that listens on loopback; a function's address is public`);
  const clock = systemClock;
  const secrets = environmentSecrets(clock);
  return {
    settings,
    config,
    secrets,
    clock,
    queue: sqsQueue({ client: sqsClient(), urls: settings.urls, clock }),
    tracing: await openTracing({ otlp: config.tracing?.otlp, secrets, allow: config.outbound }),
  };
};
