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

/** The machine of a document of this kind with this definition, built once and kept while it is among the last ones used. */
export const machineOf = (kind: Document['kind'], definition: Json): AnyStateMachine => {
  const key = `${kind} ${JSON.stringify(definition)}`;
  const found = cache.get(key);
  if (found !== undefined) {
    cache.delete(key);
    cache.set(key, found);
    return found;
  }
  const rollout = definition as unknown as Rollout;
  const made: AnyStateMachine = kind === 'rollout' ? rolloutMachine(rollout) : releaseMachine(rollout);
  cache.set(key, made);
  const oldest = cache.size > kept ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  return made;
};
