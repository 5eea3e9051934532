import { createActor, type AnyActorScope, type AnyEventObject, type AnyMachineSnapshot, type AnyStateMachine } from 'xstate';

/** An action as the machine asks for it, with its parameters resolved and its body never run. */
export interface Wish {
  readonly type: string;
  readonly params?: unknown;
}

const scopes = new WeakMap<AnyStateMachine, AnyActorScope>();

/** A scope that does nothing. XState's own `transition` makes one for every call, and with it a whole actor: half of the time it takes. */
const scopeOf = (machine: AnyStateMachine): AnyActorScope => {
  const known = scopes.get(machine);
  if (known !== undefined) return known;
  // Never started. Our machines neither invoke nor spawn, so nothing of it but its name is ever used.
  const self = createActor(machine);
  const nothing = (): void => undefined;
  const scope = { self, id: '', sessionId: '', system: self.system, logger: nothing, defer: nothing, stopChild: nothing, emit: nothing, actionExecutor: nothing } as AnyActorScope;
  scopes.set(machine, scope);
  return scope;
};

/** XState's pure `transition`: the next snapshot and the actions it asks for, in their order. A test holds it to the original. */
export const pureTransition = (machine: AnyStateMachine, snapshot: AnyMachineSnapshot, event: AnyEventObject): [AnyMachineSnapshot, readonly Wish[]] => {
  const wishes: Wish[] = [];
  const next = machine.transition(snapshot, event, { ...scopeOf(machine), actionExecutor: (action) => wishes.push(action) }) as AnyMachineSnapshot;
  return [next, wishes];
};
