import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { advances } from './advance.ts';
import { coldStart } from './cold-start.ts';
import { underRuntimeClient } from './cold-start/functions.ts';
import { quiet } from './quiet.ts';
import { reaction } from './reaction.ts';
import { recorded } from './recorded.ts';
import { requests } from './requests.ts';
import { resident } from './resident.ts';
import type { Bench, Row } from './row.ts';
import { table } from './table.ts';
import { webhooks } from './webhooks.ts';

/** By the name that the command line knows them by, in the order of DESIGN section 8. */
export const benches: ReadonlyMap<string, Bench> = new Map(
  Object.entries({ reaction, recorded, webhooks, quiet, requests, resident, 'cold-start': coldStart, advance: advances }),
);

const help = `node bench/main.ts [names...] [--json] [--quick]

${[...benches].map(([name, { about }]) => `  ${name.padEnd(12)}${about}`).join('\n')}

Without names: all of them. --json prints the rows as JSON; --quick takes few rounds, to see that everything runs.
A bar is told pass or MISS; a miss is no error of this command.`;

/** The names, or all. Throws for one that is not there. */
const chosen = (names: readonly string[]): readonly (readonly [string, Bench])[] =>
  (names.length === 0 ? [...benches.keys()] : names).map((name) => {
    const bench = benches.get(name);
    if (bench === undefined) throw new Error(`there is no bench ${JSON.stringify(name)}; there are ${[...benches.keys()].join(', ')}`);
    return [name, bench];
  });

const load = (): string => loadavg().map((one) => one.toFixed(1)).join(' ');

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } });
  if (values.help) {
    process.stdout.write(`${help}\n`);
    return;
  }
  const before = load();
  const rows: Row[] = [];
  for (const [name, { run }] of chosen(positionals)) {
    process.stderr.write(`${name} ...\n`);
    rows.push(...(await run({ quick: values.quick })));
  }
  const machine = { node: process.version, cpus: cpus().length, loadBefore: before, loadAfter: load(), quick: values.quick };
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${table(rows)}\n\n`);
  process.stdout.write(`${values.quick ? 'QUICK: too few rounds for these numbers to mean anything. ' : ''}Node ${machine.node}, ${machine.cpus} cpus; load average (1, 5, 15 min) ${before} before, ${machine.loadAfter} after: a load near or above the number of cpus is noise in every time here, not in the counts.\n`);
  if (positionals.length === 0 && !rows.some(({ what }) => what.includes('(real servers)')))
    process.stdout.write('Reaction to a bad version and to a killed worker: `test/real/run` measures and records them; this prints what it recorded.\n');
  if (rows.some(({ what }) => what.includes('serve listens')) && !rows.some(({ what }) => what.endsWith(underRuntimeClient)))
    process.stdout.write('Cold starts of the functions: skipped, AWS\'s runtime client is not installed here; `node local/runtime-client.ts` compiles it, as does `npm run local`.\n');
  if (rows.some(({ what }) => what.includes('(sandbox)')) && !rows.some(({ what }) => what.includes('(real API server)')))
    process.stdout.write('The bar of a bare PATCH is for a real API server: set SLUICE_BENCH_KUBECONFIG to the kubeconfig of a cluster that knows the kinds of Traefik; test/real/kit starts one.\n');
};

if (import.meta.main) await main();
