import { isMap, isScalar, LineCounter, parseAllDocuments, type Document as YamlDocument } from 'yaml';
import { compileDefinition, type Mistake } from './compile.ts';
import type { Rollout } from './rollout.ts';
import { spellPath } from './spell-path.ts';

/** A mistake with its place in the text, both counted from 1. */
export interface PlacedMistake {
  readonly line: number;
  readonly column: number;
  /** The field, e.g. `spec.steps[2].wieght`; empty for a mistake in the YAML itself. */
  readonly field: string;
  readonly message: string;
}

export type Parsed =
  | { readonly ok: true; readonly rollouts: readonly Rollout[] }
  | { readonly ok: false; readonly mistakes: readonly PlacedMistake[] };

/** Reads YAML (or JSON) text with one or several definitions. Never throws; every mistake says where it is. */
export const parseDefinitions = (text: string): Parsed => {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, maxAliasCount: 100 } as Parameters<typeof parseAllDocuments>[1]);
  const list = Array.isArray(documents) ? (documents as YamlDocument.Parsed[]) : [];
  const mistakes: PlacedMistake[] = [];
  const rollouts: Rollout[] = [];
  for (const document of list) {
    if (document.errors.length > 0) {
      for (const error of document.errors) mistakes.push({ ...place(lines, error.pos[0]), field: '', message: error.message.split('\n')[0] ?? error.message });
      continue;
    }
    const value: unknown = readValue(document, mistakes, lines);
    if (value === undefined || value === null) continue;
    const compiled = compileDefinition(value);
    if (compiled.ok) rollouts.push(compiled.rollout);
    else mistakes.push(...compiled.mistakes.map((mistake) => placed(document, lines, mistake)));
  }
  if (mistakes.length > 0) return { ok: false, mistakes: mistakes.sort((a, b) => a.line - b.line || a.column - b.column) };
  if (rollouts.length === 0) return { ok: false, mistakes: [{ line: 1, column: 1, field: '', message: 'nothing in it; a definition begins with `apiVersion: sluice.dev/v1alpha1`' }] };
  return { ok: true, rollouts };
};

/** Too many aliases throw only when the tree is read. */
const readValue = (document: YamlDocument.Parsed, mistakes: PlacedMistake[], lines: LineCounter): unknown => {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    mistakes.push({ ...place(lines, document.range[0]), field: '', message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
};

const place = (lines: LineCounter, offset: number): { line: number; column: number } => {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
};

type Ranged = { readonly range?: readonly [number, number, number] | null } | null | undefined;

/** The place of a field that is there is that of its name; of one that is missing, that of what should hold it. */
const placed = (document: YamlDocument.Parsed, lines: LineCounter, { path, message }: Mistake): PlacedMistake => {
  for (let depth = path.length; depth >= 0; depth--) {
    const holder: unknown = depth === 0 ? undefined : document.getIn(path.slice(0, depth - 1), true);
    const name = isMap(holder) ? holder.items.find(({ key }) => isScalar(key) && key.value === path[depth - 1])?.key : undefined;
    const node = (name ?? document.getIn(path.slice(0, depth), true)) as Ranged;
    if (node?.range != null) return { ...place(lines, node.range[0]), field: spellPath(path), message };
  }
  return { line: 1, column: 1, field: spellPath(path), message };
};
