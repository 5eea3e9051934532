import type { Alert, Millis, ReleaseCommand } from '../../events/input.ts';
import type { EffectName, EffectParams, EffectResults, effectTable } from '../effects.ts';

/** Added to every event by `advance`: who sent it, and when it was received. */
interface Envelope {
  readonly by: string;
  readonly receivedAt: Millis;
}

type Outcomes<N extends EffectName> = (typeof effectTable)[N]['outcomes'][number];
type Payload<T extends string> = T extends keyof EffectResults ? EffectResults[T] : object;

/** A result says which wish it answers (`of`), because several may be under way at once. */
type ResultOf<N extends EffectName> = { readonly of: EffectParams[N] } & (
  | { [O in Outcomes<N>]: { readonly type: `${N}.${O}` } & Payload<`${N}.${O}`> }[Outcomes<N>]
  | { readonly type: `${N}.unavailable`; readonly reason: string }
  | { readonly type: `${N}.refused`; readonly reason: string }
);

type Result = { [N in EffectName]: ResultOf<N> }[EffectName];

/** Everything a release may be told. */
export type ReleaseEvent = Envelope & (ReleaseCommand | { readonly type: 'supersede'; readonly tag: string } | Alert | Result);

/** The number of ready pods that a result reports; 0 for events that report none. */
export const readyIn = (event: ReleaseEvent): number => ('ready' in event ? event.ready : 0);
/** The weight that a result reports. */
export const weightIn = (event: ReleaseEvent): number => (event.type === 'route.verify.done' ? event.canary : 0);
