import type { Figures, Row } from './row.ts';

const short = (n: number): string => (n >= 1_000 ? Math.round(n).toLocaleString('en') : n >= 100 ? n.toFixed(0) : n >= 10 || Number.isInteger(n) ? String(Number(n.toFixed(1))) : n.toFixed(2));

/** `p50 4.2 p99 9.1 ms (100)`, `2,310 /s`. */
const spellFigures = ({ unit, n, p50, p99, value }: Figures): string => {
  const spreads = p50 === undefined ? [] : [`p50 ${short(p50)}`, ...(p99 === undefined ? [] : [`p99 ${short(p99)}`])];
  return [...(value === undefined ? [] : [short(value)]), ...spreads, unit, ...(n === undefined ? [] : [`(${n})`])].join(' ');
};

const columns = ['what', 'measured', 'bare baseline', 'ratio', 'bar', 'peers'] as const;

const cellsOf = ({ what, measured, baseline, ratio, bar, peers }: Row, footnotes: string): readonly string[] => [
  `${what}${footnotes}`,
  spellFigures(measured),
  baseline === undefined ? '' : `${spellFigures(baseline)}, ${baseline.what}`,
  ratio === undefined ? '' : `${short(ratio)}x`,
  bar === undefined ? '' : `${bar.text}: ${bar.met ? 'pass' : 'MISS'}`,
  peers ?? '',
];

/** Rows under each other, columns aligned, notes below by number. */
export const table = (rows: readonly Row[]): string => {
  const notes: string[] = [];
  const lines = [
    [...columns],
    ...rows.map((row) => {
      const numbers = (row.notes ?? []).map((note) => (notes.includes(note) ? notes.indexOf(note) + 1 : notes.push(note)));
      return cellsOf(row, numbers.length === 0 ? '' : ` [${numbers.join()}]`);
    }),
  ];
  const widths = columns.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const text = lines.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
  return [...text, ...notes.map((note, at) => `[${at + 1}] ${note}`)].join('\n');
};
