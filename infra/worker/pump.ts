import type { Ports } from '../ports.ts';
import type { ArrivalQueue, Delivery } from '../queue/port.ts';
import { spelled } from './telling.ts';
import { handleDelivery, visibilityMs } from './worker.ts';

/** How many messages of a lane are worked on at a time. The urgent lane has workers of its own. */
const workers = { urgent: 16, normal: 64 } as const;

/** When a queue that could not be read is asked again. */
const againMs = 1_000;

type PumpPorts = Ports & { readonly queue: ArrivalQueue };

/**
 * Takes messages as they arrive, until the signal aborts; resolves when the last one taken is done. A queue that fails ends neither this nor
 * the process: what could not be given back comes again when its visibility ends.
 */
export const pump = async (ports: PumpPorts, signal: AbortSignal): Promise<void> => {
  await Promise.all([drain(ports, 'urgent', signal), drain(ports, 'normal', signal)]);
};

const drain = (ports: PumpPorts, lane: keyof typeof workers, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const busy = new Set<Promise<unknown>>();
    let asking = false;
    let again = false;

    const tell = (what: string, error: unknown): void => ports.tracing?.log('error', what, { lane, reason: spelled(error) });
    const finish = (): void => {
      if (signal.aborted && busy.size === 0 && !asking) resolve();
    };
    const work = (delivery: Delivery): void => {
      const done = handleDelivery(ports, delivery)
        .catch((error: unknown) => tell('message not given back', error))
        .finally(() => {
          busy.delete(done);
          // Its group is free again, and so is its worker.
          void ask();
          finish();
        });
      busy.add(done);
    };
    const ask = async (): Promise<void> => {
      again = true;
      if (asking) return;
      asking = true;
      try {
        while (again && !signal.aborted && busy.size < workers[lane]) {
          again = false;
          const deliveries = await ports.queue.receive(lane, workers[lane] - busy.size, visibilityMs);
          for (const delivery of deliveries) work(delivery);
          again ||= deliveries.length > 0;
        }
      } catch (error) {
        tell('messages not received', error);
        ports.clock.at(ports.clock.now() + againMs, () => void ask());
      }
      asking = false;
      finish();
    };

    ports.queue.onArrival(() => void ask(), signal);
    signal.addEventListener('abort', finish, { once: true });
    void ask();
  });
