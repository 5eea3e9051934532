import { openSqlite } from '../../../infra/sqlite/open.ts';
import { handleDelivery, visibilityMs } from '../../../infra/worker/worker.ts';
import type { Tier } from './tier.ts';

/** SQLite in memory: what `sluice serve` runs on. */
export const embedded: Tier = {
  name: 'embedded',
  visibilityMs,
  grainMs: 1,
  tickEveryMs: 0,
  async open(clock) {
    const { store, queue, reclaim, close } = openSqlite(':memory:', { clock });
    return {
      store,
      queue,
      storeOf: () => store,
      async take(lane) {
        const [delivery] = await queue.receive(lane, 1, visibilityMs);
        if (delivery === undefined) return undefined;
        const { id, body } = delivery.message;
        return {
          id,
          body,
          handle: async (ports) => {
            await handleDelivery(ports, delivery);
            return true;
          },
          remove: () => queue.acknowledge(delivery),
        };
      },
      restart: reclaim,
      close,
    };
  },
};
