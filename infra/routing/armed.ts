import type { Json } from '../../events/input.ts';
import type { ArmedWrite, JsonPatchOp, ObjectRef } from '../../statemachines/document.ts';
import type { KubeObject } from '../cluster/port.ts';
import { markName, otherMark, otherRelease, pointerOf, stampName } from './annotations.ts';
import type { Marks } from './annotations.ts';
import type { RoutePlan, Router, Sides } from './port.ts';
import { nameOf } from './split/layout.ts';

/** What is to be sent, or why nothing may be. No operations: the object is as wanted already. */
export type Write = { readonly ok: true; readonly ops: readonly JsonPatchOp[] } | { readonly ok: false; readonly problem: string };

type Planned = Extract<RoutePlan, { readonly ok: true }>;

const refused = (object: KubeObject, problem: string): Write => ({ ok: false, problem: `${nameOf(object)}: ${problem}` });

const annotate = (object: KubeObject, values: Readonly<Record<string, string>>): readonly JsonPatchOp[] =>
  object.metadata.annotations === undefined
    ? [{ op: 'add', path: '/metadata/annotations', value: values }]
    : Object.entries(values).map(([name, value]) => ({ op: 'add', path: pointerOf(name), value }));

/** The API server answers 409 to a patch that sets another resourceVersion than the current one. */
const conditional = (object: KubeObject, ops: readonly JsonPatchOp[]): Write => {
  const { resourceVersion } = object.metadata;
  return resourceVersion === undefined
    ? refused(object, 'it has no metadata.resourceVersion, so a write could not be told from one that comes too late')
    : { ok: true, ops: [...ops, { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }] };
};

/**
 * A plan as it is sent: with mark and stamp, and only onto the object it was made from. Nothing is sent when the object is as
 * wanted and bears the mark, or has nothing of ours to bear it for.
 */
export const forwardWrite = (object: KubeObject, plan: Planned, marks: Marks, key: string): Write => {
  const problem = otherMark(object, marks);
  if (problem !== undefined) return refused(object, problem);
  const marked = object.metadata.annotations?.[markName(marks.rollout)] === marks.release;
  if (plan.ops.length === 0 && (marked || plan.back.length === 0)) return { ok: true, ops: [] };
  return conditional(object, [
    ...plan.ops,
    ...annotate(object, { [markName(marks.rollout)]: marks.release, [stampName(marks.rollout)]: key }),
  ]);
};

/** The write that takes every user back after this plan was sent (invariant 11). It is good after later plans of the release as well. */
export const armedWrite = (cluster: string, object: ObjectRef, plan: Planned, marks: Marks): ArmedWrite => ({
  cluster,
  object,
  ops: [{ op: 'test', path: pointerOf(markName(marks.rollout)), value: marks.release }, ...plan.back],
  stampPath: pointerOf(stampName(marks.rollout)),
  memory: plan.memory,
});

/** The armed write as it is sent. A 422 says that a test failed: the object is not as the plan left it, and `slowRestore` is next. */
export const restoreOps = (armed: ArmedWrite, key: string): readonly JsonPatchOp[] => [
  ...armed.ops,
  { op: 'add', path: armed.stampPath, value: key },
];

/**
 * The way back from an object as it was found: our entries out, wherever they are, and the stamp even when there are none, so
 * that a forward write still on its way loses with 409. Only the mark of another release of this rollout stands in its way.
 */
export const slowRestore = (object: KubeObject, router: Router, sides: Sides, memory: Json, marks: Marks, key: string): Write => {
  const problem = otherRelease(object, marks);
  if (problem !== undefined) return refused(object, problem);
  const plan = router.plan(object, sides, null, memory);
  return plan.ok ? conditional(object, [...plan.ops, ...annotate(object, { [stampName(marks.rollout)]: key })]) : plan;
};

/** Takes our annotations off; the last ones take the map with them, since the API server keeps no empty one. */
export const cleanOps = (object: KubeObject, marks: Marks): Write => {
  const problem = otherRelease(object, marks);
  if (problem !== undefined) return refused(object, problem);
  const present = Object.keys(object.metadata.annotations ?? {});
  const ours = [markName(marks.rollout), stampName(marks.rollout)].filter((name) => present.includes(name));
  if (ours.length === 0) return { ok: true, ops: [] };
  return conditional(
    object,
    ours.length === present.length
      ? [{ op: 'remove', path: '/metadata/annotations' }]
      : ours.map((name) => ({ op: 'remove', path: pointerOf(name) })),
  );
};
