import type { SQLOutputValue } from 'node:sqlite';

/** What node:sqlite returns for one row. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

const wrong = (row: Row, column: string, wanted: string): Error =>
  new Error(`database column ${column}: found ${typeof row[column]}, must be ${wanted}`);

/** The text in a column. Throws when it holds anything else. */
export const text = (row: Row, column: string): string => {
  const value = row[column];
  if (typeof value !== 'string') throw wrong(row, column, 'text');
  return value;
};

/** The number in a column. Throws when it holds anything else. */
export const number = (row: Row, column: string): number => {
  const value = row[column];
  if (typeof value !== 'number') throw wrong(row, column, 'a number');
  return value;
};

/** The number in a column, or undefined where it is NULL. */
export const optionalNumber = (row: Row | undefined, column: string): number | undefined =>
  row === undefined || row[column] === null ? undefined : number(row, column);
