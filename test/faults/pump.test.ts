import { expect, test, vi } from 'vitest';
import type { Ports } from '../../infra/ports.ts';
import type { ArrivalQueue } from '../../infra/queue/port.ts';
import { openSqlite } from '../../infra/sqlite/open.ts';
import { pump } from '../../infra/worker/pump.ts';
import { visibilityMs } from '../../infra/worker/worker.ts';
import { heldClock } from '../fixtures/held-clock.ts';
import { aMessage } from '../fixtures/stored.ts';

// All releases share this process: a queue that fails now and then must not end it.

const broken = (): Promise<never> => Promise.reject(new Error('disk I/O error'));

/** Workers on a queue of which some calls fail until `mend`; what they told. */
const working = (fails: Partial<ArrivalQueue>) => {
  const clock = heldClock();
  const { store, queue, close } = openSqlite(':memory:', { clock });
  const told: string[] = [];
  let mended = false;
  const meddled = Object.fromEntries(Object.entries(queue).map(([name, call]) => [name, (...given: never[]) => (!mended && name in fails ? (fails[name as keyof ArrivalQueue] as () => unknown)() : (call as (...given: never[]) => unknown)(...given))])) as unknown as ArrivalQueue;
  const tracing = { log: (_level: string, what: string) => void told.push(what), flush: () => Promise.resolve(), close: () => Promise.resolve() };
  const ports = { clock, store, queue: meddled, tracing } as unknown as Ports & { readonly queue: ArrivalQueue };
  const stop = new AbortController();
  const done = pump(ports, stop.signal);
  return {
    clock,
    queue,
    told,
    mend: () => void (mended = true),
    end: async () => {
      stop.abort();
      await done;
      await close();
    },
  };
};

test('a message that can neither be acknowledged nor given back comes again when its time is up', async () => {
  const world = working({ acknowledge: broken, release: broken });
  await world.queue.send([aMessage('wake/release/pro/demo/1/1')]);
  await vi.waitFor(() => expect(world.told).toContain('message not given back'));
  world.mend();
  world.clock.advance(visibilityMs);
  await vi.waitFor(() => expect(world.told).toContain('message handled'));
  expect(await world.queue.backlog()).toMatchObject({ waiting: 0 });
  await world.end();
});

test('a queue that cannot be read is asked again', async () => {
  const world = working({ receive: broken });
  await world.queue.send([aMessage('wake/release/pro/demo/1/1')]);
  await vi.waitFor(() => expect(world.told).toContain('messages not received'));
  world.mend();
  world.clock.advance(1_000);
  await vi.waitFor(() => expect(world.told).toContain('message handled'));
  await world.end();
});
