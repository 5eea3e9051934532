import type { Ports } from '../ports.ts';
import type { ArrivalQueue, Delivery } from '../queue/port.ts';
import { handleDelivery, visibilityMs } from './worker.ts';

/** How many messages of a lane are worked on at a time. The urgent lane has workers of its own. */
const workers = { urgent: 16, normal: 64 } as const;

type PumpPorts = Ports & { readonly queue: ArrivalQueue };

/** Takes messages as they arrive, until the signal aborts; resolves when the last one taken is done. */
export const pump = async (ports: PumpPorts, signal: AbortSignal): Promise<void> => {
  await Promise.all([drain(ports, 'urgent', signal), drain(ports, 'normal', signal)]);
};

const drain = (ports: PumpPorts, lane: keyof typeof workers, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const busy = new Set<Promise<unknown>>();
    let asking = false;
    let again = false;

    const finish = (): void => {
      if (signal.aborted && busy.size === 0 && !asking) resolve();
    };
    const work = (delivery: Delivery): void => {
      const done = handleDelivery(ports, delivery).finally(() => {
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
      while (again && !signal.aborted && busy.size < workers[lane]) {
        again = false;
        const deliveries = await ports.queue.receive(lane, workers[lane] - busy.size, visibilityMs);
        for (const delivery of deliveries) work(delivery);
        again ||= deliveries.length > 0;
      }
      asking = false;
      finish();
    };

    ports.queue.onArrival(() => void ask(), signal);
    signal.addEventListener('abort', finish, { once: true });
    void ask();
  });
