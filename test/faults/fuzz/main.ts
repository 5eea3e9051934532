import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';

/**
 * `npm run fuzz`: payloads nobody should send, a million of them unless told otherwise by `--runs`. Ends with 1 at the first that makes
 * a parser throw, hang, or answer with neither a result nor a reason, and when memory grows. `--seed` repeats a run.
 */
const { values } = parseArgs({ options: { runs: { type: 'string', default: '1000000' }, seed: { type: 'string', default: String(Date.now() % 1_000_000_000) } } });
const runs = Number(values.runs);
const seed = Number(values.seed);
const batch = 20_000;
/** The first batches fill caches; what is kept after them may not grow by more. */
const warm = 3;
const mostGrowth = 16 * 2 ** 20;

const collect = globalThis.gc;
if (collect === undefined) throw new Error('memory cannot be measured: start this by `npm run fuzz`, which tells Node to expose its collector');
const kept = (): number => {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
};

console.log(`${runs} payloads, again by: npm run fuzz -- --runs ${runs} --seed ${seed}`);
const begun = performance.now();
let base: number | undefined;
for (let done = 0, n = 0; done < runs; done += batch, n++) {
  fuzz(Math.min(batch, runs - done), seed + n);
  const heap = kept();
  if (n === warm) base = heap;
  if (base !== undefined && heap > base + mostGrowth) throw new Error(`${done + batch} payloads: ${heap} bytes are kept, ${heap - base} more than after the first ${warm * batch}; allowed are ${mostGrowth}`);
  if (n % 10 === 9) console.log(`${done + batch} payloads, ${(heap / 2 ** 20).toFixed(1)} MiB kept, ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
}
console.log(`${runs} payloads: nothing thrown, nothing over 50 ms, ${(kept() / 2 ** 20).toFixed(1)} MiB kept, ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
