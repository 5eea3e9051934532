import { pushMetrics } from '../telemetry.ts';
import { openStored } from './stored.ts';
import { tickHandler } from './schedule.ts';

const { config, secrets, ...ports } = await openStored();

/** The schedule, on AWS: each minute. */
export const handler = tickHandler(ports, pushMetrics(ports, config, secrets));
