import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import type { WatchAnswer } from './answers.ts';
import { exitCodes, Failure } from './exit.ts';
import { rolloutPath, type RolloutName } from './names.ts';

/** Waits between attempts to be connected again, in milliseconds; the last one repeats. */
const patience = [250, 500, 1_000, 2_000, 4_000, 8_000];

/** What a watch brings: an event, or that it is not live at the moment. */
export type Watched = { readonly answer: WatchAnswer } | { readonly trouble: string };

const wait = (ms: number, leave: AbortSignal): Promise<void> => sleep(ms, undefined, { signal: leave }).catch(() => undefined);

/**
 * Events of a rollout until the signal aborts. A connection that breaks is made again; one that cannot be made the first time, and
 * whatever the server refuses, is a failure.
 */
export async function* watchRollout(api: Api, name: RolloutName, leave: AbortSignal): AsyncGenerator<Watched> {
  let attempts = 0;
  let ever = false;
  while (!leave.aborted) {
    let trouble = 'the server ended the watch';
    try {
      for await (const answer of api.follow<WatchAnswer>(`${rolloutPath(name)}/watch`, leave)) {
        attempts = 0;
        ever = true;
        yield { answer };
      }
    } catch (error) {
      if (!(error instanceof Failure) || error.exit !== exitCodes.unreachable || !ever) throw error;
      trouble = error.message;
    }
    if (leave.aborted) return;
    const pause = patience[Math.min(attempts, patience.length - 1)] ?? 0;
    attempts += 1;
    yield { trouble };
    await wait(pause, leave);
  }
}

/** Answers of a question asked again and again until the signal aborts; a failure of the first is a failure. */
export async function* poll<T>(ask: () => Promise<T>, everyMs: number, leave: AbortSignal): AsyncGenerator<{ readonly answer: T } | { readonly trouble: string }> {
  let ever = false;
  while (!leave.aborted) {
    try {
      const answer = await ask();
      ever = true;
      yield { answer };
    } catch (error) {
      if (!(error instanceof Failure) || error.exit !== exitCodes.unreachable || !ever) throw error;
      yield { trouble: error.message };
    }
    await wait(everyMs, leave);
  }
}
