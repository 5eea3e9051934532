import stringWidth from 'string-width';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Text without what could steer a terminal: control characters (line ends become spaces) and marks that turn the direction of writing.
 * Comments and alert summaries come from outside.
 */
export const harmless = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');

/** A copy of a JSON value in which every string is harmless. */
export const harmlessAll = <T>(value: T): T => JSON.parse(JSON.stringify(value), (_key, part: unknown) => (typeof part === 'string' ? harmless(part) : part)) as T;

/** Columns that the text takes; wide characters take two, colours none. */
export const widthOf = (text: string): number => stringWidth(text);

export const padEnd = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - widthOf(text)));
export const padStart = (text: string, columns: number): string => ' '.repeat(Math.max(0, columns - widthOf(text))) + text;

/** The text cut to at most `columns`, with `…` for what is missing. Uncoloured text only. */
export const fit = (text: string, columns: number): string => {
  if (widthOf(text) <= columns) return text;
  let taken = '';
  for (const { segment } of graphemes.segment(text)) {
    if (widthOf(taken) + widthOf(segment) > columns - 1) break;
    taken += segment;
  }
  return columns < 1 ? '' : `${taken}…`;
};

/** The text in lines of at most `columns`, broken at spaces; a longer word is broken where it must. Uncoloured text only. */
export const wrap = (text: string, columns: number): readonly string[] => {
  const room = Math.max(1, columns);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((whole) => pieces(whole, room))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= room) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
};

/** A word cut into pieces that fit. */
const pieces = (word: string, columns: number): readonly string[] => {
  if (widthOf(word) <= columns) return [word];
  const cut: string[] = [''];
  for (const { segment } of graphemes.segment(word)) {
    const last = cut[cut.length - 1] ?? '';
    if (widthOf(last) + widthOf(segment) > columns) cut.push(segment);
    else cut[cut.length - 1] = last + segment;
  }
  return cut;
};
