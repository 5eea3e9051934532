import { applyPatch, Pointer } from 'rfc6902';
import type { Json } from '../../../events/input.ts';
import type { JsonPatchOp } from '../../../statemachines/document.ts';
import { ClusterError, type KubeObject } from '../port.ts';
import { wire } from './fields.ts';

const refuse = (op: JsonPatchOp, reason: string): never => {
  throw new ClusterError('invalid', `the server rejected our request due to an error in our request: ${op.op} ${op.path}: ${reason}`, { status: 422 });
};

/**
 * The object after the operations, as a copy. Throws `invalid` (422) at the first one that fails, and nothing is applied.
 * A `test` for null passes where the key is absent, and a `replace` adds it: the API server's library (evanphx/json-patch v4) does so.
 */
export const patched = (object: KubeObject, ops: readonly JsonPatchOp[]): KubeObject => {
  // Operations change it in place, wherever they lead.
  const copy = JSON.parse(JSON.stringify(object)) as KubeObject;
  for (const op of ops) {
    if (!op.path.startsWith('/')) refuse(op, 'a path starts with "/"');
    const { parent, key, value } = Pointer.fromJSON(op.path).evaluate(copy) as { parent: unknown; key: string; value: unknown };
    const absent = value === undefined && typeof parent === 'object' && parent !== null && !Array.isArray(parent);
    if (op.op === 'test' && op.value === null && absent) continue;
    if (Array.isArray(parent) && op.op !== 'add' && !/^\d+$/.test(key)) refuse(op, `"${key}" is no index of a list`);
    if (parent !== undefined && parent !== null && typeof parent !== 'object') refuse(op, 'the path leads through a scalar');
    const needed = op.op === 'remove' ? { op: op.op, path: op.path } : { op: op.op === 'replace' && absent ? 'add' : op.op, path: op.path, value: op.value as Json };
    const [failure] = applyPatch(copy, [needed as Parameters<typeof applyPatch>[1][number]]);
    if (failure) refuse(op, failure.message);
  }
  return wire(copy);
};
