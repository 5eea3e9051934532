import type { Context } from 'aws-lambda';
import type { Ports } from '../../infra/ports.ts';
import type { Push } from '../../infra/telemetry/push.ts';
import type { Tracing } from '../../infra/tracing/port.ts';
import { tick } from '../tick.ts';
import { scheduledEvent } from './events.ts';

type TickPorts = Pick<Ports, 'store' | 'queue' | 'clock'> & { readonly tracing: Tracing };

/** Wakes what is due; then sends the metrics, where that is configured: what cannot be sent must not keep a release waiting. */
export const tickHandler = ({ store, queue, clock, tracing }: TickPorts, push: Push | undefined) => async (event: unknown, _context: Context): Promise<{ readonly woken: number }> => {
  scheduledEvent(event);
  try {
    const woken = await tick(store, queue, clock);
    const pushed = await push?.();
    if (pushed !== undefined && pushed.outcome !== 'written' && pushed.outcome !== 'held') tracing.log('warn', 'the metrics were not taken', pushed);
    return { woken };
  } finally {
    await tracing.flush();
  }
};
