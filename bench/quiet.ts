import { systemClock } from '../infra/clock.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import type { Store } from '../infra/store/port.ts';
import { tick } from '../infra/worker/wake.ts';
import { peers } from './peers.ts';
import type { Bench, Row } from './row.ts';
import { spread, timed } from './statistics.ts';
import { definition, namespace } from './world/application.ts';
import { releaseUnderWay, storeCopies } from './world/clones.ts';
import { heldWorld, isGating, start } from './world/held.ts';

const halfAnHour = 1_800_000;

/** How a canary is shown while its release holds. */
const shows = {
  'to nobody': { route: 'IngressRoute', steps: '[{weight: 0, replicas: 2, hold: 1h}, {weight: 100}]' },
  'behind a router that is not fragile': { route: 'HTTPRoute', steps: '[{weight: 20, hold: 1h}, {weight: 100}]' },
  'behind a fragile router': { route: 'IngressRoute', steps: '[{weight: 20, hold: 1h}, {weight: 100}]' },
} as const;

/** What half an hour of a release at its gates costs: API calls, and messages that a worker handled. */
export const quietHalfHour = async (shown: keyof typeof shows): Promise<{ readonly calls: number; readonly runs: number }> => {
  const name = 'demo';
  const { route, steps } = shows[shown];
  const world = await heldWorld({ name, route, definition: definition(name, route, steps) });
  await world.tell(`rollout/${namespace}/${name}`, start);
  await world.until(1, 'its gates', isGating);
  world.sandbox.calls.reset();
  const before = world.runs();
  await world.pass(halfAnHour, 10_000);
  const cost = { calls: world.sandbox.calls.total(), runs: world.runs() - before };
  await world.close();
  return cost;
};

/** Everything that one tick asked of the store and the queue, while so many releases stand at their gates. */
export const tickAmong = async (releases: number, rounds: number): Promise<{ readonly questions: number; readonly items: number; readonly sent: number; readonly times: readonly number[] }> => {
  const { store, queue, close } = openSqlite(':memory:', { clock: systemClock });
  await storeCopies(store, await releaseUnderWay('HTTPRoute'), 0, releases);
  let questions = 0;
  let items = 0;
  const counted: Store = {
    ...store,
    load: async (id) => {
      questions++;
      const found = await store.load(id);
      items += found === undefined ? 0 : 1;
      return found;
    },
    due: async (until, limit) => {
      questions++;
      const found = await store.due(until, limit);
      items += found.length;
      return found;
    },
    list: async (prefix, limit) => {
      questions++;
      const found = await store.list(prefix, limit);
      items += found.length;
      return found;
    },
  };
  let sent = 0;
  const telling = { ...queue, send: async (messages: Parameters<typeof queue.send>[0]) => void (sent += messages.length) };
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) times.push((await timed(() => tick(counted, telling, systemClock))) * 1_000);
  await close();
  return { questions: questions / rounds, items: items / rounds, sent, times };
};

/** Quiet releases cost nothing, and a tick does not feel how many there are. */
export const quiet: Bench = {
  about: 'a quiet release makes no API call and no run; the tick costs the same among 1 and 10,000',
  run: async ({ quick }) => {
    const rows: Row[] = [];
    for (const shown of ['to nobody', 'behind a router that is not fragile'] as const) {
      const { calls, runs } = await quietHalfHour(shown);
      rows.push({
        what: `half an hour at a gate, canary shown ${shown}: API requests + runs`,
        measured: { unit: 'requests', value: calls + runs },
        bar: { text: '0', met: calls + runs === 0 },
        ...(shown === 'to nobody' ? { peers: peers.quiet } : {}),
      });
    }
    for (const releases of quick ? [1, 100] : [1, 100, 10_000]) {
      const { questions, items, sent, times } = await tickAmong(releases, quick ? 10 : 1_000);
      rows.push({
        what: `a tick among ${releases.toLocaleString('en')} quiet releases: ${questions} question, ${items} items read, ${sent} sent`,
        measured: spread(times, 'µs'),
        bar: { text: '1 question, 0 items', met: questions === 1 && items === 0 && sent === 0 },
      });
    }
    return rows;
  },
};
