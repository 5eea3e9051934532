import type { AnyStateMachine } from 'xstate';
import type { Json } from '../events/input.ts';
import type { Document } from './document.ts';
import type { Rollout } from './definition/rollout.ts';
import { releaseMachine, releaseMachineVersion } from './release/machine.ts';
import { rolloutMachine, rolloutMachineVersion } from './rollout/machine.ts';

/** The machine versions this code writes. */
export const machineVersions = { rollout: rolloutMachineVersion, release: releaseMachineVersion } as const;

/** A machine takes about half a megabyte and a millisecond to build. */
const kept = 64;
const cache = new Map<string, AnyStateMachine>();

/**
 * The machine for a document of this kind. A definition shapes it only by the names of its analyses, each of which is a region of its
 * own; everything else is read from the definition in the context, so that thousands of rollouts share one machine.
 */
export const machineOf = (kind: Document['kind'], definition: Json): AnyStateMachine => {
  const analyses = kind === 'rollout' ? [] : Object.keys((definition as unknown as Rollout).analyses).sort();
  const key = [kind, ...analyses].join(' ');
  const found = cache.get(key);
  if (found !== undefined) {
    cache.delete(key);
    cache.set(key, found);
    return found;
  }
  const made: AnyStateMachine = kind === 'rollout' ? rolloutMachine() : releaseMachine(analyses);
  cache.set(key, made);
  const oldest = cache.size > kept ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  return made;
};
