import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { closeEmulators, aws } from './kit/aws.ts';
import { embedded } from './kit/embedded.ts';
import { classes, referencesOf, runClass, type Row } from './matrix.ts';

/**
 * `npm run faults`: every class of fault on every tier, and one table at the end. Ends with 1 when anything was lost.
 *   --tier embedded|aws   only this tier
 *   --only NAME[:CASE]    only classes whose name contains NAME, of these only the case CASE, with all that happened
 *   --all                 on AWS every case too, which takes long, instead of an even choice of them
 */
const usage = 'usage: npm run faults -- [--tier embedded|aws] [--only NAME[:CASE]] [--all]';

/** Cases of a class on AWS, where a world takes longer: evenly spread over all there are. */
const mostOnAws = 40;
const tiers = [embedded, aws];

const { values } = parseArgs({ options: { tier: { type: 'string' }, only: { type: 'string' }, all: { type: 'boolean', default: false }, share: { type: 'string' } } });
const [name = '', ...rest] = (values.only ?? '').split(':');
const caseName = rest.join(':');
const wanted = tiers.filter((tier) => values.tier === undefined || tier.name === values.tier);
const found = classes.filter((one) => one.name.includes(name));
if (wanted.length === 0 || found.length === 0) {
  process.stderr.write(`${usage}\nfaults: ${classes.map((one) => one.name).join(' · ')}\n`);
  process.exit(2);
}

const runShare = async (share: number, of: number, tell: (row: Row) => void): Promise<void> => {
  for (const tier of wanted) {
    const reference = referencesOf(tier);
    const most = tier.name === 'aws' && !values.all && caseName === '' ? mostOnAws : Infinity;
    for (const fault of found) tell(await runClass(fault, tier, reference, { share, of, most, ...(caseName === '' ? {} : { only: (one) => one.name === caseName }) }));
  }
  await closeEmulators();
};

const sum = (a: Row, b: Row): Row => ({ ...a, tried: a.tried + b.tried, converged: a.converged + b.converged, ms: a.ms + b.ms, ...(a.first === undefined && b.first !== undefined ? { first: b.first } : {}) });

const printTable = (rows: readonly Row[]): void => {
  const width = Math.max(...rows.map(({ fault }) => fault.length));
  const line = (...cells: readonly string[]): string => `${(cells[0] ?? '').padEnd(width)}  ${(cells[1] ?? '').padEnd(8)}${cells.slice(2).map((cell) => cell.padStart(10)).join('')}\n`;
  process.stdout.write(`\n${line('fault', 'tier', 'cases', 'tried', 'converged', 'lost', 's')}`);
  for (const { fault, tier, cases, tried, converged, ms } of rows) process.stdout.write(line(fault, tier, String(cases), String(tried), String(converged), String(tried - converged), (ms / 1_000).toFixed(1)));
  const total = (of: (row: Row) => number): number => rows.reduce((all, row) => all + of(row), 0);
  process.stdout.write(line('all', '', String(total((row) => row.cases)), String(total((row) => row.tried)), String(total((row) => row.converged)), String(total((row) => row.tried - row.converged)), (total((row) => row.ms) / 1_000).toFixed(1)));
};

const printFirst = (rows: readonly Row[]): void => {
  const failed = rows.find(({ first }) => first !== undefined);
  if (failed?.first === undefined) return;
  const { fault, tier, first } = failed;
  process.stdout.write(`\nfirst lost: ${fault} on ${tier}\n${first.log.join('\n')}\n${first.problem}\nagain: npm run faults -- --tier ${tier} --only '${fault}:${first.name}'\n`);
};

if (values.share !== undefined) {
  const [share = 0, of = 1] = values.share.split('/').map(Number);
  await runShare(share, of, (row) => process.send?.(row));
  process.disconnect();
} else if (caseName !== '') {
  const rows: Row[] = [];
  await runShare(0, 1, (row) => void rows.push(row));
  printFirst(rows);
  printTable(rows.filter(({ tried }) => tried > 0));
  process.exitCode = rows.some(({ first }) => first !== undefined) || rows.every(({ tried }) => tried === 0) ? 1 : 0;
} else {
  const workers = Math.max(1, Math.min(2, availableParallelism()));
  const rows = new Map<string, Row>();
  const codes = await Promise.all(
    Array.from({ length: workers }, (_, i) => {
      const child = fork(import.meta.filename, [...process.argv.slice(2), '--share', `${i}/${workers}`]);
      child.on('message', (row: Row) => {
        const key = `${row.tier} ${row.fault}`;
        const before = rows.get(key);
        rows.set(key, before === undefined ? row : sum(before, row));
        if (row.first !== undefined) process.stdout.write(`${row.fault} on ${row.tier}: ${row.tried - row.converged} lost, first ${row.first.name}\n`);
      });
      return new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
    }),
  );
  const all = [...rows.values()].filter(({ cases }) => cases > 0);
  printFirst(all);
  printTable(all);
  process.exitCode = codes.some((code) => code !== 0) || all.some(({ tried, converged }) => converged < tried) ? 1 : 0;
}
