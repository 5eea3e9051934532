import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { Json } from '../../events/input.ts';
import type { Rollout } from '../../statemachines/definition/rollout.ts';
import { effectTable, isEffectName, resultEvents, type EffectName } from '../../statemachines/effects.ts';
import { machineOf } from '../../statemachines/machines.ts';
import { timerName } from '../../statemachines/timers.ts';

const walk = (node: AnyStateNode): readonly AnyStateNode[] => [node, ...Object.values(node.states).flatMap(walk)];
const lineage = (node: AnyStateNode): readonly AnyStateNode[] => [node, ...(node.parent === undefined ? [] : lineage(node.parent))];
const delaysOf = (node: AnyStateNode): readonly string[] => [...new Set(node.after.flatMap(({ eventType }) => timerName(eventType) ?? []))];

/** The effects that a state asks for when it is entered, also from within `enqueueActions`: those are found by their names in its source. */
const effectsOf = (node: AnyStateNode): readonly EffectName[] =>
  node.entry.flatMap((action): EffectName[] => {
    const type = typeof action === 'object' && action !== null && 'type' in action ? String(action.type) : '';
    if (isEffectName(type)) return [type];
    const collect = typeof action === 'function' && 'collect' in action ? String(action.collect) : '';
    return (Object.keys(effectTable) as EffectName[]).filter((name) => collect.includes(`'${name}'`) || collect.includes(`"${name}"`));
  });

/** Results of effects that neither the state that asks for one nor any state around it handles: a release would stop there silently. */
export const unhandledResults = (machine: AnyStateMachine): readonly string[] =>
  walk(machine.root)
    .filter(({ type }) => type !== 'final')
    .flatMap((node) =>
      effectsOf(node)
        .filter((name) => effectTable[name].lane === 'traffic')
        .flatMap((name) => resultEvents(name).filter((event) => !lineage(node).some((state) => state.ownEvents.includes(event))))
        .map((event) => `${node.id} does not handle ${event}`),
    );

/** Delays that no implementation defines: XState would fire them at once. */
export const undefinedDelays = (machine: AnyStateMachine): readonly string[] =>
  walk(machine.root).flatMap((node) =>
    node.after.flatMap(({ eventType, delay }) => (typeof delay === 'number' || Object.hasOwn(machine.implementations.delays, String(delay)) ? [] : [`${node.id}: ${eventType}`])),
  );

/** Delays shared by two states that may be active at once: the document keeps one timer a name. */
export const sharedDelays = (machine: AnyStateMachine): readonly string[] => {
  const below = (node: AnyStateNode): readonly string[] => [...delaysOf(node), ...Object.values(node.states).flatMap(below)];
  const shared = (node: AnyStateNode, above: readonly string[]): readonly string[] => {
    const here = delaysOf(node);
    const taken = [...above, ...here];
    const clash = here.filter((name) => above.includes(name)).map((name) => `${node.id}: ${name}`);
    const regions = Object.values(node.states);
    const beside = node.type !== 'parallel' ? [] : regions.flatMap((region, at) => below(region).filter((name) => regions.some((other, position) => position > at && below(other).includes(name))).map((name) => `${region.id}: ${name}`));
    return [...clash, ...beside, ...regions.flatMap((region) => shared(region, taken))];
  };
  return shared(machine.root, []);
};

export const releaseMachineOf = (rollout: Rollout): AnyStateMachine => machineOf('release', rollout as unknown as Json);
