import { exitCodes, Failure } from '../exit.ts';
import type { Io } from '../io.ts';

/** One thing that a command needs to know. */
export interface Question {
  /** The option that answers it, as it is written: `--stage`. */
  readonly option: string;
  readonly text: string;
  /** Taken when only Enter is pressed, or nobody is there to ask. */
  readonly usual?: string;
  readonly pattern: RegExp;
  /** What the pattern allows, in words. */
  readonly allowed: string;
}

/** Answers from options, and for those that are not given from whoever sits at the terminal. */
export interface Asker {
  /** Throws when the answer is not allowed, or there is none and nobody to ask. */
  settle(question: Question, given: string | undefined): Promise<string>;
}

/** @param interactive somebody reads what is written to `err` and answers by `stdin`. */
export const askerOf = ({ err, stdin }: Pick<Io, 'err' | 'stdin'>, interactive: boolean): Asker => {
  let lines: AsyncIterator<string> | undefined;
  const ask = async ({ option, text, usual, pattern, allowed }: Question): Promise<string> => {
    lines ??= linesOf(stdin);
    for (;;) {
      err.write(`${text}${usual === undefined ? '' : ` [${usual}]`}: `);
      const { value, done } = await lines.next();
      if (done === true) throw new Failure(exitCodes.usage, 'noAnswer', `nobody answered; give ${option}`);
      const answer = value.trim() === '' ? (usual ?? '') : value.trim();
      if (pattern.test(answer)) return answer;
      err.write(`${JSON.stringify(answer)} is not allowed; allowed is ${allowed}\n`);
    }
  };
  return {
    settle: async (question, given) => {
      const { option, usual, pattern, allowed } = question;
      if (given === undefined && interactive) return ask(question);
      const answer = given ?? usual;
      if (answer === undefined) throw new Failure(exitCodes.usage, 'missing', `${option} is missing; give it, or run this in a terminal and be asked`);
      if (!pattern.test(answer)) throw new Failure(exitCodes.usage, 'notAllowed', `${option}: ${JSON.stringify(answer)} is not allowed; allowed is ${allowed}`);
      return answer;
    },
  };
};

const linesOf = async function* (stream: Io['stdin']): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const part of stream) {
    held += typeof part === 'string' ? part : decoder.decode(part, { stream: true });
    const lines = held.split('\n');
    held = lines.pop() ?? '';
    yield* lines;
  }
  if (held !== '') yield held;
};
