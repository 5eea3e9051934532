/**
 * Posts registry notifications in a process of its own. Arguments: the server's URL, milliseconds, connections, how many rollouts
 * take turns, a prefix for the events' ids, and a rate: `0` sends the next one as soon as one is answered, any other number
 * that many a second by the clock, whether or not earlier ones were answered. Sends `Load` to its parent and ends.
 */
import { token } from '../world/served.ts';
import { connection } from './connection.ts';
import { notification } from './push.ts';

export interface Load {
  /** Answered with 202. */
  readonly accepted: number;
  /** Answered otherwise, or not at all. */
  readonly refused: number;
  readonly seconds: number;
  /** Milliseconds from the moment each should have been sent. */
  readonly latencies: readonly number[];
}

const [url = '', ms = '0', connections = '1', rollouts = '1', prefix = '', rate = '0'] = process.argv.slice(2);
const open = await Promise.all(Array.from({ length: Number(connections) }, () => connection(url, token)));
const latencies: number[] = [];
let accepted = 0;
let refused = 0;
let sent = 0;

const begun = performance.now();
const post = async (through: (typeof open)[number], due: number): Promise<void> => {
  const n = sent++;
  const status = await through.post('/hooks/registry', notification(`${prefix}-${n}`, n % Number(rollouts))).catch(() => 0);
  if (status === 202) accepted++;
  else refused++;
  latencies.push(performance.now() - due);
};

const closedLoop = async (): Promise<void> => {
  await Promise.all(
    open.map(async (one) => {
      while (performance.now() - begun < Number(ms)) await post(one, performance.now());
    }),
  );
};

/** Each connection takes the next request that is due; the wait for a free one counts. */
const openLoop = async (): Promise<void> => {
  const total = Math.floor((Number(ms) / 1_000) * Number(rate));
  let next = 0;
  await Promise.all(
    open.map(async (one) => {
      while (next < total) {
        const due = begun + (next++ * 1_000) / Number(rate);
        const early = due - performance.now();
        if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
        // A timer is up to a millisecond late, which is not the server's doing; that no connection was free is.
        await post(one, early > 0 ? performance.now() : due);
      }
    }),
  );
};

await (Number(rate) === 0 ? closedLoop() : openLoop());
const load: Load = { accepted, refused, seconds: (performance.now() - begun) / 1_000, latencies };
for (const one of open) one.close();
process.send?.(load, () => process.disconnect());
