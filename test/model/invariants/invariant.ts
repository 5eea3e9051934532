import type { Input, InputEvent } from '../../../events/input.ts';
import type { WorldConfig } from '../configs.ts';
import type { Taken, View } from '../documents.ts';
import type { Landing, State } from '../successors.ts';

/** Gives an input to a document and says what came of it; nothing is kept. */
export type Ask = (view: View, input: Pick<Input, 'id' | 'event'> & Partial<Input>) => Taken;

/** What an invariant looks at; each answers with what is wrong, or undefined. */
export interface Invariant {
  /** `Invariant 1` to `Invariant 11` of DESIGN section 5, or what else must hold. */
  readonly name: string;
  readonly document?: (view: View, ask: Ask, config: WorldConfig) => string | undefined;
  readonly move?: (before: View | undefined, input: Input, taken: Taken, config: WorldConfig) => string | undefined;
  readonly write?: (landing: Landing, config: WorldConfig) => string | undefined;
  readonly state?: (state: State, config: WorldConfig) => string | undefined;
}

export const firingAlert = (startsAt: number): InputEvent => ({ type: 'alert', status: 'firing', fingerprint: 'asked', labels: { severity: 'critical', alertname: 'Errors' }, summary: '', startsAt });
