import type { Input, Millis } from '../events/input.ts';
import { bump, type Advanced } from './advanced.ts';
import type { Document } from './document.ts';
import type { Effect } from './effects.ts';

/** The machine name of a document whose snapshot no code can read any more. */
export const unreadable = 'unreadable';

/**
 * A document whose machine this code neither has nor can migrate. Its armed writes are plain data, so users still go back to stable:
 * the first input sends all of them, and each is sent again until it succeeds. The release then waits, halted, for a person to unlock
 * its rollout. Needs no machine.
 */
export const rescue = (document: Document, input: Input, now: Millis): Advanced => {
  // A rollout has nothing to take back. Its input is not lost by this error: it is tried again, and then kept as a dead letter.
  if (document.kind === 'rollout') throw new Error(`${document.id} was written by machine ${document.machine}, which this version of Sluice does not know; ${input.event.type} waits for one that does`);
  // A release that has ended must not touch what may be another one's by now.
  if (document.snapshot.status === 'done') return bump(document, input, {}, 'noted', now, []);
  if (document.machine === unreadable && input.effect !== undefined) {
    const done = input.event.type.endsWith('.done');
    const outbox = done ? document.outbox.filter(({ key }) => key !== input.effect?.key) : document.outbox;
    const said = done && outbox.length === 0 ? 'every user is back on stable; the release is halted: unlock its rollout, and remove what it left' : '';
    return bump(document, input, { outbox }, 'moved', now, [], said);
  }
  if (document.machine === unreadable) return bump(document, input, {}, 'noted', now, []);
  const effects = Object.keys(document.armed).map(
    (route, at): Effect => ({ key: `${document.version + 1}/${at}`, name: 'route.restore', params: { target: route.split('/')[0], route } }),
  );
  const changes = { machine: unreadable, timers: {}, outbox: effects };
  return bump(document, input, changes, 'moved', now, effects, `the state of this release was written by machine ${document.machine}, which this version of Sluice does not know; rolling back by the armed writes`);
};
