import { describe, expect, it } from 'vitest';
import { benches } from '../bench/main.ts';
import { table } from '../bench/table.ts';

/** Figures of a row that a reader is shown. */
const numbersOf = (figures: object): readonly number[] => Object.values(figures).filter((value): value is number => typeof value === 'number');

describe('bench', () => {
  it.each([...benches].filter(([name]) => name !== 'recorded'))('%s runs and measures something', { timeout: 120_000 }, async (_name, { run }) => {
    const rows = await run({ quick: true });
    expect(rows).not.toHaveLength(0);
    for (const { measured, baseline } of rows) {
      expect(numbersOf(measured)).not.toHaveLength(0);
      expect([...numbersOf(measured), ...numbersOf(baseline ?? {})]).toSatisfy((numbers: number[]) => numbers.every((number) => Number.isFinite(number) && number >= 0));
    }
  });

  it('shows rows under each other, with what a bar says and the notes below', () => {
    const text = table([
      { what: 'a', measured: { unit: 'ms', n: 3, p50: 1.234, p99: 20.5 }, bar: { text: '<= 1 ms', met: false }, notes: ['why'] },
      { what: 'longer', measured: { unit: '/s', value: 2_310.4 }, bar: { text: '>= 1/s', met: true } },
    ]);
    expect(text.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
      'what | measured | bare baseline | ratio | bar | peers',
      'a [1] | p50 1.23 p99 20.5 ms (3) | <= 1 ms: MISS',
      'longer | 2,310 /s | >= 1/s: pass',
      '[1] why',
    ]);
  });
});
