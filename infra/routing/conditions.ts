import type { Json } from '../../events/input.ts';
import { fieldOf, listAt, textOf } from './split/layout.ts';

/** What a controller says under one condition type, and of which generation; `fresh`: of the one asked for, or a later one. */
export interface Said {
  readonly fresh: boolean;
  readonly good: boolean;
  readonly observed: string;
  /** `ResolvedRefs=False (BackendNotFound: ...)`. */
  readonly sentence: string;
}

/** Reads the condition of a type out of a list of conditions; one that is not there is not fresh. */
export const saidUnder = (conditions: Json | undefined, type: string, generation: number): Said => {
  const condition = listAt(conditions).find((one) => fieldOf(one, 'type') === type);
  const observed = fieldOf(condition, 'observedGeneration');
  const status = textOf(fieldOf(condition, 'status'), 'missing');
  const why = [textOf(fieldOf(condition, 'reason'), ''), textOf(fieldOf(condition, 'message'), '')].filter((text) => text !== '').join(': ');
  return {
    fresh: typeof observed === 'number' && observed >= generation,
    good: status === 'True',
    observed: typeof observed === 'number' ? String(observed) : 'none',
    sentence: `${type}=${status}${why === '' ? '' : ` (${why})`}`,
  };
};
