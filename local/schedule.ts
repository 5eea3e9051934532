import { randomUUID } from 'node:crypto';
import { functionArn } from './runtime-api.ts';
import type { LocalFunction } from './function.ts';

/** EventBridge's shortest rate. */
const everyMs = 60_000;

/** Invokes the tick each minute, with the event that EventBridge sends. Returns what ends it. */
export const startSchedule = (tick: LocalFunction): (() => void) => {
  const timer = setInterval(() => {
    void tick.invoke({
      version: '0',
      id: randomUUID(),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: '000000000000',
      time: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      region: 'local',
      resources: [functionArn('schedule')],
      detail: {},
    });
  }, everyMs);
  return () => clearInterval(timer);
};
