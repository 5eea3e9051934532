import { worlds, type WorldConfig } from './configs.ts';
import { search, type Found } from './search.ts';

/**
 * Searches every world, `states` of them in all: each gets its share of what is left, so that what a small one does not need goes to
 * the larger ones after it. `saw` is told of each as it ends.
 */
export const explore = (states: number, saw: (found: Found) => void = () => undefined, searched: readonly WorldConfig[] = worlds): readonly Found[] => {
  let left = states;
  return searched.map((world, at) => {
    const found = search(world, Math.max(1, Math.ceil(left / (searched.length - at))));
    left -= found.states;
    saw(found);
    return found;
  });
};

/** The history as code for a test: `replay` follows it, and says what it breaks. */
export const spellViolation = ({ world, violation }: Found): string =>
  violation === undefined
    ? ''
    : `${violation.invariant}: ${violation.problem}\n\n  expect(\n    replay(${JSON.stringify(world)}, [\n${violation.history.map((label) => `      ${JSON.stringify(label)},\n`).join('')}    ]),\n  ).toBeUndefined();\n`;
