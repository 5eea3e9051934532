/** `xstate.after.backoff.release.x` -> `after backoff`, `xstate.done.state.x` and eventless -> nothing, the rest as it is. */
export const spellEvent = (event: string): string => {
  const [, delay] = /^xstate\.after\.([^.]+)\./.exec(event) ?? [];
  if (delay !== undefined) return `after ${delay}`;
  return event.startsWith('xstate.done.state.') ? '' : event;
};

/** The same with results named by their effect alone, for pictures that show only the way. */
export const spellBriefly = (event: string): string => spellEvent(event).replace(/^([a-z]+\.[a-z]+)\.[a-zA-Z]+$/, '$1');
