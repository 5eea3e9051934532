import type { PlacedMistake } from '../statemachines/definition/parse.ts';

/** A mistake and the file it is in, where several are looked at. */
export type MistakeInFile = PlacedMistake & { readonly file?: string };

/** Exit codes, as the help tells them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  mistakes: 4,
  noEffect: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesInWords = `Exit codes:
  0  done; a followed release completed
  1  failed, refused by the server, or a followed release did not complete
  2  the command was not understood
  3  the server cannot be reached
  4  mistakes in a definition
  5  the command had no effect`;

/** Ends a command with a message for people. `code` is the short name that --json prints. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exit: ExitCode;
  readonly code: string;
  readonly mistakes: readonly MistakeInFile[];
  constructor(exit: ExitCode, code: string, message: string, mistakes: readonly MistakeInFile[] = []) {
    super(message);
    this.exit = exit;
    this.code = code;
    this.mistakes = mistakes;
  }
}
