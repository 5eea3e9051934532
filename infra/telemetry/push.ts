import type { Millis } from '../../events/input.ts';
import type { Clock } from '../clock.ts';
import type { Ports } from '../ports.ts';
import { expose } from './exposition.ts';
import { remoteWrite, type RemoteWriteTarget, type Written } from './remote-write.ts';

/** `held`: nothing was sent, because the receiver is being left alone until then. */
export type Pushed = Written | { readonly outcome: 'held'; readonly until: Millis };

/** Sends the metrics as they are now. What one push could not send the next one makes good, because totals only grow. Never throws. */
export type Push = (signal?: AbortSignal) => Promise<Pushed>;

/** A push ends after this, whatever it has to send. */
const longestPushMs = 10_000;
const longestPauseMs = 900_000;

/**
 * The one writer of these metrics. It remembers what keeps times rising and the receiver unharassed; on functions that lasts as long
 * as an instance does, and a receiver that meets the next one's older time drops that push. `everyMs` is what back-off begins with.
 */
export const metricsPush = ({ store, queue, clock }: Pick<Ports, 'store' | 'queue' | 'clock'>, target: RemoteWriteTarget, everyMs: number): Push => {
  let last = 0;
  let failures = 0;
  let until = 0;

  const send = async (signal: AbortSignal): Promise<Written> => {
    try {
      const [totals, backlog] = await Promise.all([store.totals(), queue.backlog()]);
      const now = clock.now();
      last = Math.max(now, last + 1);
      return await remoteWrite(target, expose(totals, now, backlog).flatMap(({ samples }) => samples), last, signal);
    } catch (error) {
      return { outcome: 'unavailable', reason: `the metrics could not be read: ${(error as Error).message}` };
    }
  };

  return async (signal) => {
    if (clock.now() < until) return { outcome: 'held', until };
    const deadline = AbortSignal.timeout(longestPushMs);
    const written = await send(signal === undefined ? deadline : AbortSignal.any([signal, deadline]));
    failures = written.outcome === 'unavailable' ? failures + 1 : 0;
    // The first failure waits for the next round only.
    const backOff = failures < 2 ? 0 : everyMs * 2 ** (failures - 1);
    const asked = written.outcome === 'unavailable' ? (written.retryAfterMs ?? 0) : 0;
    until = clock.now() + Math.min(Math.max(backOff, asked), longestPauseMs);
    return written;
  };
};

/** Pushes now and then every so often, each when the one before has ended. The disposer ends it, also in the middle of one. */
export const pushEvery = (push: Push, clock: Clock, everyMs: number, told: (pushed: Pushed) => void): (() => void) => {
  const stopping = new AbortController();
  let cancel = (): void => undefined;
  const round = async (): Promise<void> => {
    const pushed = await push(stopping.signal);
    if (stopping.signal.aborted) return;
    told(pushed);
    cancel = clock.at(clock.now() + everyMs, () => void round());
  };
  void round();
  return () => {
    stopping.abort();
    cancel();
  };
};
