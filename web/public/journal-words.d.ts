import type { Input, Json } from '../../events/input.ts';
import type { JournalRow } from '../../statemachines/document.ts';

export interface RowWords {
  readonly at: number;
  readonly what: string;
  readonly who: string;
  readonly outcome: string;
  readonly state: string;
  readonly asks: readonly string[];
  readonly said: string;
}

export function inputWords(input: Input): string;
export function isRoutine(row: JournalRow): boolean;
export function stateWords(state: Json | undefined): string;
export function whoWords(input: Input): string;
export function rowWords(row: JournalRow): RowWords;
