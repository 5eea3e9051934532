import type { Mistake } from './compile.ts';

/** `['spec', 'steps', 2, 'weight']` -> `spec.steps[2].weight`. */
export const spellPath = (path: Mistake['path']): string =>
  path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`), '');
