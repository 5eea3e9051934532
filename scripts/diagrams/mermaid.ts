import type { Box, Chart } from './chart.ts';

const name = (id: string): string => id.replaceAll(/[^a-zA-Z0-9]/g, '_');

const lines = (boxes: readonly Box[], indent: string): string[] =>
  boxes.flatMap((box) => [
    `${indent}state "${box.label}" as ${name(box.id)}${box.inner.length === 0 ? '' : ' {'}`,
    ...(box.first === undefined ? [] : [`${indent}  [*] --> ${name(box.first)}`]),
    ...(box.inner.length === 0 ? [] : [...lines(box.inner, `${indent}  `), `${indent}}`]),
    ...(box.kind === 'final' ? [`${indent}${name(box.id)} --> [*]`] : []),
  ]);

/** The same chart as text that GitHub and many editors draw. */
export const mermaidOf = (chart: Chart): string =>
  [
    'stateDiagram-v2',
    ...(chart.first === undefined ? [] : [`  [*] --> ${name(chart.first)}`]),
    ...lines(chart.boxes, '  '),
    ...chart.arrows.map(({ from, to, labels }) => `  ${name(from)} --> ${name(to)}${labels.length === 0 ? '' : `: ${labels.join(', ')}`}`),
  ].join('\n');
