import { mkdirSync, writeFileSync } from 'node:fs';

const middle = (sorted: readonly number[]): number => {
  const [low = 0, high = 0] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  return (low + high) / 2;
};

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export const spreadOf = (values: readonly number[]): Spread => {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0] ?? Number.NaN, median: sorted.length === 0 ? Number.NaN : middle(sorted), max: sorted.at(-1) ?? Number.NaN };
};

const results = new URL('./results/', import.meta.url);

/** Leaves a measure where `npm run bench` finds it. Not kept in the repository: a number belongs to the machine it was measured on. */
const record = (title: string, name: string, runs: readonly number[]): void => {
  mkdirSync(results, { recursive: true });
  const file = `${title} ${name}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  writeFileSync(new URL(`${file}.json`, results), JSON.stringify({ name: `${title}: ${name}`, at: Date.now(), runs }));
};

/** One row for each measure, with the least, the middle and the most of its values in milliseconds. */
export const printTable = (title: string, measures: Readonly<Record<string, readonly number[]>>): void => {
  const width = Math.max(...Object.keys(measures).map((name) => name.length));
  const cell = (value: number | string): string => String(typeof value === 'number' ? Math.round(value) : value).padStart(8);
  const rows = Object.entries(measures).map(([name, values]) => {
    const { min, median, max } = spreadOf(values);
    return `${name.padEnd(width)}${cell(values.length)}${cell(min)}${cell(median)}${cell(max)}`;
  });
  for (const [name, values] of Object.entries(measures)) if (values.length > 0) record(title, name, values);
  console.log([title, `${'ms'.padEnd(width)}${cell('runs')}${cell('min')}${cell('median')}${cell('max')}`, ...rows].join('\n'));
};
