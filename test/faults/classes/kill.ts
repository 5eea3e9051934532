import type { Hand } from '../kit/calls.ts';
import { histories } from '../kit/histories.ts';
import { harmless, type FaultClass } from '../kit/trial.ts';
import type { Fault } from '../kit/world.ts';

/** Ends an invocation at the n-th call: before it is made, or after it took effect but before anybody hears of it. */
export const killAt = (n: number, when: 'before' | 'after'): Hand => async (call, inner) => {
  if (call.n !== n) return inner();
  if (when === 'after') {
    const result = await inner();
    call.invocation.kill();
    return result;
  }
  call.invocation.kill();
  await call.invocation.running();
  return inner();
};

/**
 * Killed at every boundary, and what is left of it comes back in one of three ways. Before a call is after the one before it, but for
 * calls that are made at the same time; both are tried where a process begins anew.
 */
const killed = (name: string, recovery: NonNullable<Fault['recovery']>): FaultClass => ({
  name,
  cases: async (reference, tier) => {
    if (recovery === 'restart' && tier.name !== 'embedded') return [];
    const references = await Promise.all(histories.map(reference));
    return references.flatMap((one) =>
      one.boundaries.flatMap(({ n }) => (recovery === 'restart' ? (['before', 'after'] as const) : (['after'] as const)).map((when) => harmless(`${when} call ${n}`, one, () => ({ recovery, hand: killAt(n, when) })))),
    );
  },
});

export const killedThenRestarted = killed('killed, restarted', 'restart');
export const killedThenRedelivered = killed('killed, redelivered', 'redelivery');
export const killedThenTicked = killed('killed, ticked', 'tick');
