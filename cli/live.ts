import { createLogUpdate } from 'log-update';
import type { Look } from './text/look.ts';
import type { Sink } from './io.ts';

/** Milliseconds between redraws, at the least. */
const redrawMs = 250;
const clearScreen = '\u001b[2J\u001b[H';

export interface LiveView {
  /** Draws for the last time, leaves the frame standing and gives the terminal back. */
  close(): void;
}

/** Redraws what `render` gives at most four times a second, on a terminal. Unchanged frames write nothing. */
export const liveView = (out: Sink, look: () => Look, render: (look: Look) => string): LiveView => {
  const stream = out as NodeJS.WriteStream;
  const update = createLogUpdate(stream);
  const draw = (): void => update(render(look()));
  // A terminal that got narrower has broken our lines in two, so what is on screen can no longer be counted.
  const resized = (): void => {
    stream.write(clearScreen);
    update.done();
    draw();
  };
  draw();
  const ticking = setInterval(draw, redrawMs);
  stream.on('resize', resized);
  return {
    close: () => {
      clearInterval(ticking);
      stream.off('resize', resized);
      draw();
      update.done();
    },
  };
};
