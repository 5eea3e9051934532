import { exitCodes, type Failure } from './exit.ts';
import type { Io } from './io.ts';
import { lookOf, type Look } from './text/look.ts';
import { harmless, harmlessAll } from './text/measure.ts';
import { renderMistakes } from './text/tables.ts';

/** How answers are shown. Text that came from the server is made harmless here, and only here. */
export interface Output {
  readonly json: boolean;
  /** A terminal that a frame may be redrawn on. */
  readonly live: boolean;
  look(): Look;
  /** The answer: as JSON with --json, else rendered. */
  show<T>(answer: T, render: (harmlessAnswer: T, look: Look) => string): void;
  /** One answer of many: with --json each is one line. */
  showOneOfMany<T>(answer: T, render: (harmlessAnswer: T, look: Look) => string): void;
  /** Something beside the answer, for people. */
  note(text: string): void;
  failure(failure: Failure): void;
}

export const outputOf = ({ out, err, env }: Io, options: { readonly json: boolean; readonly color: boolean }): Output => {
  const wanted = options.color && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const look = (): Look => lookOf(out.columns, wanted && out.isTTY === true);
  const line = (text: string): unknown => out.write(`${text}\n`);
  return {
    json: options.json,
    live: out.isTTY === true && !options.json && env['TERM'] !== 'dumb',
    look,
    show: (answer, render) => void line(options.json ? JSON.stringify(answer, null, 2) : render(harmlessAll(answer), look())),
    showOneOfMany: (answer, render) => void line(options.json ? JSON.stringify(answer) : render(harmlessAll(answer), look())),
    note: (text) => void err.write(`${harmless(text)}\n`),
    failure: ({ exit, code, message, mistakes }) => {
      if (options.json) err.write(`${JSON.stringify({ error: { code, message, ...(mistakes.length === 0 ? {} : { mistakes }) } })}\n`);
      else if (exit === exitCodes.mistakes) err.write(`${renderMistakes(harmlessAll(mistakes), 'nothing was changed')}\n`);
      else err.write(`sluice: ${harmless(message)}\n`);
    },
  };
};
