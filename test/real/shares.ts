import type { JournalRow } from '../../statemachines/document.ts';
import type { Answer } from './load.ts';

/** What users got while one step's weight was in effect. */
export interface Share {
  readonly weight: number;
  readonly requests: number;
  readonly canary: number;
  /** How far `canary` may lie from the weight's share when each request is drawn by itself: four standard deviations. */
  readonly tolerance: number;
}

const sigmas = 4;
const gating = (row: JournalRow): boolean => JSON.stringify(row.state).startsWith('{"stepping":{"gating"');

/** From when to when each step's gates were open: its weight was in effect and nothing was being changed. */
const windows = (rows: readonly JournalRow[]): readonly { readonly from: number; readonly to: number }[] => {
  const found: { from: number; to: number }[] = [];
  let from: number | undefined;
  for (const row of rows) {
    if (gating(row)) from ??= row.at;
    else if (from !== undefined) {
      found.push({ from, to: row.at });
      from = undefined;
    }
  }
  return found;
};

/** Counts, for each step in turn, the answers to requests that were made and answered while it held. */
export const sharesByStep = (rows: readonly JournalRow[], weights: readonly number[], answers: readonly Answer[], version: string): readonly Share[] =>
  windows(rows).map(({ from, to }, step) => {
    const weight = weights[step] ?? 0;
    const within = answers.filter(({ at, tookMs }) => at >= from && at + tookMs <= to);
    const p = weight / 100;
    return {
      weight,
      requests: within.length,
      canary: within.filter((answer) => answer.version === version).length,
      tolerance: sigmas * Math.sqrt(within.length * p * (1 - p)),
    };
  });
