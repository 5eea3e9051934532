import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { toDirectedGraph } from 'xstate/graph';

/** A state as it is drawn. `id` is XState's, unique in the machine. */
export interface Box {
  readonly id: string;
  readonly label: string;
  readonly kind: 'regular' | 'parallel' | 'final';
  readonly inner: readonly Box[];
  /** The inner state it begins in; absent for parallel ones, which begin in all. */
  readonly first?: string;
}

export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly labels: readonly string[];
}

export interface Chart {
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
  readonly first?: string;
}

export interface Drawing {
  /** Whether a state's inner states are drawn; by its path, e.g. `stepping.gating`. */
  readonly open: (path: string) => boolean;
  /** Only this top-level state, with the others as far as arrows lead there. */
  readonly only?: string;
  /** How an event is spelled on its arrow. */
  readonly spell: (event: string) => string;
}

interface Edge {
  readonly from: AnyStateNode;
  readonly to: AnyStateNode;
  readonly event: string;
}

type Graph = ReturnType<typeof toDirectedGraph>;

/** Transitions without an event are not in XState's graph; they are part of the way all the same. */
const edgesOf = ({ stateNode, edges, children }: Graph): Edge[] => [
  ...edges.filter(({ transition }) => transition.target !== undefined).map(({ source, target, label }) => ({ from: source, to: target, event: label.text })),
  ...(stateNode.always ?? []).flatMap(({ target = [] }) => target.map((to) => ({ from: stateNode, to, event: '' }))),
  ...children.flatMap(edgesOf),
];

const pathOf = (node: AnyStateNode): string => node.path.join('.');

/** What is drawn of a machine. Arrows of states that are not drawn begin and end at the nearest one around them that is. */
export const chartOf = (machine: AnyStateMachine, { open, only, spell }: Drawing): Chart => {
  const inside = (node: AnyStateNode): boolean => only === undefined || node.path[0] === only;
  const drawn = (node: AnyStateNode): AnyStateNode => {
    const { parent } = node;
    if (parent === undefined) return node;
    const around = drawn(parent);
    return around === parent && (parent === machine.root || (inside(parent) && open(pathOf(parent)))) ? node : around;
  };
  const boxOf = (node: AnyStateNode): Box => {
    const opened = node.type !== 'final' && node.type !== 'atomic' && inside(node) && open(pathOf(node));
    const first = node.type === 'compound' ? node.initial.target[0]?.id : undefined;
    return {
      id: node.id,
      label: node.key,
      kind: node.type === 'final' ? 'final' : opened && node.type === 'parallel' ? 'parallel' : 'regular',
      inner: opened ? Object.values(node.states).map(boxOf) : [],
      ...(opened && first !== undefined ? { first } : {}),
    };
  };

  const arrows = new Map<string, { from: string; to: string; labels: Set<string> }>();
  for (const { from, to, event } of edgesOf(toDirectedGraph(machine))) {
    const target = drawn(to);
    // What the whole machine reacts to is drawn from each state that is left by it.
    const sources = from === machine.root ? Object.values(machine.root.states) : [drawn(from)];
    for (const source of sources) {
      if (source === target || !inside(source)) continue;
      const key = `${source.id} ${target.id}`;
      const arrow = arrows.get(key) ?? { from: source.id, to: target.id, labels: new Set<string>() };
      arrows.set(key, arrow);
      const label = spell(event);
      if (label !== '') arrow.labels.add(label);
    }
  }
  const reached = new Set([...arrows.values()].map(({ to }) => to));
  const first = only === undefined ? machine.root.initial.target[0]?.id : undefined;
  return {
    boxes: Object.values(machine.root.states)
      .filter((node) => inside(node) || reached.has(node.id))
      .map(boxOf),
    arrows: [...arrows.values()].map(({ labels, ...ends }) => ({ ...ends, labels: [...labels] })),
    ...(first === undefined ? {} : { first }),
  };
};
