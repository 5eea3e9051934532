import { render } from 'state-machine-cat';
import type { Box, Chart } from './chart.ts';

interface Machine {
  readonly states: readonly object[];
  readonly transitions?: readonly object[];
}

/** Every state machine gets a dot to begin from. */
const beginning = (id: string): string => `${id}.(begin)`;

const machineOf = (id: string, boxes: readonly Box[], first: string | undefined): Machine => ({
  states: [
    ...(first === undefined ? [] : [{ name: beginning(id), type: 'initial', label: '' }]),
    ...boxes.map((box) => ({
      name: box.id,
      label: box.label,
      type: box.kind === 'final' && box.inner.length === 0 ? 'regular' : box.kind,
      ...(box.kind === 'final' ? { class: 'final', color: '#5c6b7a' } : {}),
      ...(box.inner.length === 0 ? {} : { statemachine: machineOf(box.id, box.inner, box.first) }),
    })),
  ],
});

const beginnings = (boxes: readonly Box[]): { from: string; to: string }[] =>
  boxes.flatMap((box) => [...(box.first === undefined ? [] : [{ from: beginning(box.id), to: box.first }]), ...beginnings(box.inner)]);

/** A picture that needs nothing from elsewhere. Its background is white, so it can be read on a dark page too. */
export const svgOf = async (chart: Chart): Promise<string> => {
  const root = machineOf('', chart.boxes, chart.first);
  const transitions = [
    ...(chart.first === undefined ? [] : [{ from: beginning(''), to: chart.first }]),
    ...beginnings(chart.boxes),
    ...chart.arrows.map(({ from, to, labels }) => ({ from, to, ...(labels.length === 0 ? {} : { label: labels.join('\n') }) })),
  ].map((transition, id) => ({ id, ...transition }));
  const picture = await render(JSON.stringify({ ...root, transitions }), {
    inputType: 'json',
    outputType: 'svg',
    direction: 'top-down',
    dotGraphAttrs: [
      { name: 'bgcolor', value: 'white' },
      { name: 'ranksep', value: '0.4' },
      { name: 'nodesep', value: '0.3' },
      { name: 'pad', value: '0.3' },
    ],
  });
  return `${String(picture).trim()}\n`;
};
