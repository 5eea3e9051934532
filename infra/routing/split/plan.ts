import type { KubeObject } from '../../cluster/port.ts';
import type { Json } from '../../../events/input.ts';
import type { JsonPatchOp } from '../../../statemachines/document.ts';
import type { RoutePlan, Sides, Traffic } from '../port.ts';
import { edited, identityTests, toOps } from './edits.ts';
import type { Edit } from './edits.ts';
import { forward } from './forward.ts';
import { look } from './found.ts';
import type { Found } from './found.ts';
import { giveBack } from './give-back.ts';
import type { Layout } from './layout.ts';
import { keysOf, nothing, readMemory, recall, recordOf } from './memory.ts';
import type { Before, Memory } from './memory.ts';
import { carries, foundIn, inexpressible, refusal, said, unsplittable } from './refusal.ts';

interface Work {
  readonly found: Found;
  readonly before: Before;
  readonly edits: readonly Edit[];
}

const touched = (edits: readonly Edit[], found: Found): readonly number[] => [
  ...new Set([...found.stable, ...found.canary].map(({ index }) => index).concat(edits.flatMap((edit) => ('index' in edit ? [edit.index] : [])))),
];

/** The blind way back from the state after `work`: all tests first, then the changes from the last place to the first. */
const wayBack = (layout: Layout, object: KubeObject, work: readonly Work[], sides: Sides, shares: readonly number[]): readonly JsonPatchOp[] => {
  const parts = work.map(({ found, before, edits }) => {
    const after = look(layout, edited(found.place, edits), sides, object.metadata.namespace ?? sides.namespace);
    const back = giveBack(layout, after, before, shares, sides.stable);
    const tests = back.length === 0 ? [] : identityTests(after.place, touched(back, after));
    return { tests, ops: toOps(after.place, back, 'all') };
  });
  return [...parts.flatMap(({ tests }) => tests), ...parts.toReversed().flatMap(({ ops }) => ops)];
};

const planBack = (layout: Layout, object: KubeObject, sides: Sides, memory: Memory, first: boolean): RoutePlan => {
  const found = foundIn(layout, object, sides);
  const stranger = first ? found.find(({ canary }) => canary.length > 0) : undefined;
  if (stranger !== undefined) {
    return { ok: false, problem: said(object, `${stranger.place.label} names the Service ${sides.canary}, which this release did not write`) };
  }
  const known = recall(memory, keysOf(found.map(({ place }) => place)), found);
  const ops = found.flatMap((one, index) => toOps(one.place, giveBack(layout, one, known[index], memory.shares, sides.stable), 'needed'));
  return { ok: true, ops, back: [], memory: memory as Json };
};

/** Why a place that is to be split now cannot be, or undefined. `before` undefined: the release meets it for the first time. */
const obstacle = (layout: Layout, found: Found, before: Before | undefined, sides: Sides): string | undefined => {
  if (before !== undefined) return unsplittable(layout, found, sides);
  if (found.canary.length > 0) return `${found.place.label} names the Service ${sides.canary}, which this release did not write`;
  return unsplittable(layout, found, sides) ?? inexpressible(layout, found);
};

const planForward = (layout: Layout, object: KubeObject, sides: Sides, percent: number, memory: Memory): RoutePlan => {
  const found = foundIn(layout, object, sides);
  const keys = keysOf(found.map(({ place }) => place));
  const known = recall(memory, keys, found);
  const shares = [...new Set([...memory.shares, percent])].toSorted((a, b) => a - b);
  const used: Before[] = [];
  const work: Work[] = [];
  for (const [index, one] of found.entries()) {
    const before = known[index];
    const at = keys[index] ?? '';
    const alive = before === undefined ? carries(one) : one.stable.length + one.canary.length > 0;
    if (!alive) continue;
    const problem = obstacle(layout, one, before, sides);
    const stable = one.stable[0];
    if (problem !== undefined || stable === undefined) return { ok: false, problem: said(object, problem ?? 'its stable entry is gone') };
    const record = before === undefined ? recordOf(at, one) : { ...before, at };
    if (before !== undefined) used.push(before);
    work.push({ found: one, before: record, edits: forward(layout, one, stable, record, percent, sides.canary) });
  }
  if (work.length === 0) return { ok: false, problem: said(object, `no rule names the stable Service ${sides.namespace}/${sides.stable} any more`) };
  return {
    ok: true,
    ops: work.flatMap(({ found: { place }, edits }) => toOps(place, edits, 'needed')),
    back: wayBack(layout, object, work, sides, shares),
    // Rules that are not there now are remembered as well: whoever took them out may put them back.
    memory: { places: [...work.map(({ before }) => before), ...memory.places.filter((before) => !used.includes(before))], shares },
  };
};

/** The port's `plan` for every kind whose backends carry weights. */
export const plan = (layout: Layout, object: KubeObject, sides: Sides, traffic: Traffic | null, memory: Json | undefined): RoutePlan => {
  const known = readMemory(memory);
  if (known === undefined) return { ok: false, problem: said(object, `the memory of its plan is unreadable: ${JSON.stringify(memory)}`) };
  const first = known.places.length === 0;
  if (traffic === null) return planBack(layout, object, sides, known, first);
  const { canary } = traffic;
  if (!Number.isInteger(canary) || canary < 0 || canary > 100) {
    return { ok: false, problem: said(object, `the canary's share is ${canary}; allowed is a whole number from 0 to 100`) };
  }
  const problem = first ? refusal(layout, object, sides) : undefined;
  if (problem !== undefined) return { ok: false, problem: said(object, problem) };
  return planForward(layout, object, sides, canary, first ? nothing : known);
};
