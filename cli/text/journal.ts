import type { JournalRow } from '../../statemachines/document.ts';
import { rowWords } from '../../web/public/journal-words.js';
import { clock } from '../../web/public/words.js';
import type { Look } from './look.ts';
import { wrap } from './measure.ts';

/** A row of the journal: when, what arrived, who sent it, what became of it; below it the state reached, what is asked for, what is said. */
export const renderRow = (row: JournalRow, now: number, { width, colours }: Look): string => {
  const { at, what, who, outcome, state, asks, said } = rowWords(row);
  const time = `${clock(at, now)}  `;
  const indent = ' '.repeat(time.length);
  const first = [what, ...(who === '' ? [] : [`by ${who}`]), ...(outcome === '' ? [] : [outcome])].join(', ');
  const below = [`→ ${state}`, ...(asks.length === 0 ? [] : [`asks: ${asks.join('; ')}`])].join(' · ');
  return [
    ...wrap(first, width - time.length).map((line, n) => (n === 0 ? colours.dim(time) : indent) + line),
    ...wrap(below, width - time.length).map((line) => indent + colours.dim(line)),
    ...(said === '' ? [] : wrap(said, width - time.length).map((line) => indent + line)),
  ].join('\n');
};
