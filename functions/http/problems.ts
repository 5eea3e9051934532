import type { PlacedMistake } from '../../statemachines/definition/parse.ts';

/** A refusal that the caller sees: a stable code for programs, a sentence for people. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly mistakes: readonly PlacedMistake[] | undefined;
  constructor(status: number, code: string, message: string, mistakes?: readonly PlacedMistake[]) {
    super(message);
    this.status = status;
    this.code = code;
    this.mistakes = mistakes;
  }
}

export const problemBody = (code: string, message: string, mistakes?: readonly PlacedMistake[]) => ({ error: { code, message, ...(mistakes === undefined ? {} : { mistakes }) } });
