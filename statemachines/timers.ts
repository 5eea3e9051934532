import type { AnyMachineSnapshot, AnyStateNode } from 'xstate';

/**
 * XState announces a delayed transition as a raise with an id of its own making, `xstate.after.<delay>.<state id>`. We keep timers
 * under the name of their delay, which survives renamed states; no two active states use the same delay (a test sees to it).
 */
const prefix = 'xstate.after.';

/** The name of the delay in such an id; undefined for ids that are not of a timer. */
export const timerName = (id: string): string | undefined => {
  if (!id.startsWith(prefix)) return undefined;
  const rest = id.slice(prefix.length);
  const dot = rest.indexOf('.');
  return dot === -1 ? rest : rest.slice(0, dot);
};

/** Several guarded transitions of one delay are one timer. */
const afterOf = (node: AnyStateNode): { name: string; eventType: string }[] =>
  [...new Set(node.after.map(({ eventType }) => eventType))].flatMap((eventType) => {
    const name = timerName(eventType);
    return name === undefined ? [] : [{ name, eventType }];
  });

/** Names of the timers that the active states wait for. */
export const awaitedTimers = (snapshot: AnyMachineSnapshot): readonly string[] => snapshot._nodes.flatMap(afterOf).map(({ name }) => name);

/** The event that the machine knows this timer by in its present state; undefined when no active state waits for it. */
export const timerEvent = (snapshot: AnyMachineSnapshot, name: string): string | undefined =>
  snapshot._nodes.flatMap(afterOf).find((after) => after.name === name)?.eventType;
