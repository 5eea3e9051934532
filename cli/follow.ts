import type { RolloutView } from '../statemachines/view.ts';
import type { WatchAnswer } from './answers.ts';
import { liveView } from './live.ts';
import type { RolloutName } from './names.ts';
import type { Session } from './session.ts';
import { renderFrame } from './text/frame.ts';
import { harmlessAll } from './text/measure.ts';
import { renderLine } from './text/one-line.ts';
import { clock } from '../web/public/words.js';
import { watchRollout, type Watched } from './watch.ts';

/**
 * Shows a rollout as it changes: a frame redrawn in place on a terminal, else one line a change (with --json, one event). Ends with the
 * view that `enough` accepts, or with nothing when the person leaves.
 */
export const followRollout = async (session: Session, name: RolloutName, enough: (rollout: RolloutView) => boolean): Promise<RolloutView | undefined> => {
  const { io, api, output } = session;
  const watched = watchRollout(api, name, io.leave);
  return output.live ? onTerminal(session, watched, enough) : inLines(session, watched, enough);
};

const onTerminal = async ({ io, output }: Session, watched: AsyncIterable<Watched>, enough: (rollout: RolloutView) => boolean): Promise<RolloutView | undefined> => {
  let shown: { readonly rollout: RolloutView; readonly ahead: number } | undefined;
  let trouble = '';
  const view = liveView(io.out, output.look, (look) => {
    const frame = shown === undefined ? 'connecting ...' : renderFrame(shown.rollout, Date.now() + shown.ahead, look);
    return trouble === '' ? frame : `${frame}\n\n  not live, trying again: ${trouble.slice(0, look.width - 30)}`;
  });
  try {
    for await (const event of watched) {
      if ('trouble' in event) trouble = event.trouble;
      else {
        trouble = '';
        // Countdowns tick by our own clock, set by the server's.
        shown = { rollout: harmlessAll(event.answer.rollout), ahead: event.answer.now - Date.now() };
        if (enough(event.answer.rollout)) return event.answer.rollout;
      }
    }
    return undefined;
  } finally {
    view.close();
  }
};

const inLines = async ({ output }: Session, watched: AsyncIterable<Watched>, enough: (rollout: RolloutView) => boolean): Promise<RolloutView | undefined> => {
  let last = '';
  for await (const event of watched) {
    if ('trouble' in event) {
      output.note(`not live, trying again: ${event.trouble}`);
      continue;
    }
    const { rollout, now } = event.answer;
    const line = renderLine(rollout);
    if (output.json || line !== last) output.showOneOfMany(event.answer, (answer: WatchAnswer) => `${clock(now)}  ${renderLine(answer.rollout)}`);
    last = line;
    if (enough(rollout)) return rollout;
  }
  return undefined;
};
