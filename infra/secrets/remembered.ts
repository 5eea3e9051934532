import type { Millis } from '../../events/input.ts';
import type { Clock } from '../clock.ts';

/** The longest that anything is remembered, in milliseconds. */
const longestAge = 300_000;

/** A failure counts this long for everybody who asks: a flood of requests must not become a flood of calls that fail. */
const failureAge = 1_000;

interface Attempt {
  readonly answer: Promise<string>;
  failedAt?: Millis;
}

/** Answers that cost a call, kept in the memory of this process. Those who ask while a call is under way wait for the same one. */
export const remembered = (clock: Clock) => {
  const known = new Map<string, { readonly answer: string; readonly asked: Millis }>();
  const attempts = new Map<string, Attempt>();

  const begin = (key: string, ask: () => Promise<string>): Promise<string> => {
    const begun = clock.now();
    const answer = ask();
    const attempt: Attempt = { answer };
    attempts.set(key, attempt);
    answer.then(
      (text) => {
        // As old as the question: what changed while it was under way may not be in the answer.
        known.set(key, { answer: text, asked: begun });
        attempts.delete(key);
      },
      // What was known stays known: a failed look for something newer takes nothing away from those whom it serves.
      () => (attempt.failedAt = clock.now()),
    );
    return answer;
  };

  return {
    get(key: string, ask: () => Promise<string>, { maxAgeMs = longestAge }: { readonly maxAgeMs?: number } = {}): Promise<string> {
      const now = clock.now();
      const found = known.get(key);
      if (found !== undefined && now - found.asked <= maxAgeMs) return Promise.resolve(found.answer);
      const attempt = attempts.get(key);
      if (attempt !== undefined && (attempt.failedAt === undefined || now - attempt.failedAt < failureAge)) return attempt.answer;
      return begin(key, ask);
    },
  };
};
