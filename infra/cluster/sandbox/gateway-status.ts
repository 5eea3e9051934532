import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { referTo, type ApiServer } from './api-server.ts';
import type { Lookup } from './backends.ts';
import { fieldsAt, listAt, sameJson, textAt } from './fields.ts';
import { firstUnresolved } from './http-routes.ts';
import { withCondition } from './owners.ts';

const controllerName = 'sluice.dev/sandbox-gateway';
const writer = { manager: 'sandbox-gateway', subresource: 'status' } as const;

/** Writes what the gateway made of an HTTPRoute into its status: Accepted and ResolvedRefs, for the generation that it saw. */
export const reportHttpRoute = (server: ApiServer, seen: KubeObject, lookup: Lookup, now: number): void => {
  const problem = firstUnresolved(seen, lookup);
  const observedGeneration = seen.metadata.generation ?? 0;
  const accepted = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration } as const;
  const resolved = problem
    ? ({ type: 'ResolvedRefs', status: 'False', ...problem, observedGeneration } as const)
    : ({ type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '', observedGeneration } as const);
  server.change(referTo(seen), writer, (object) => {
    if (object.metadata.uid !== seen.metadata.uid) return object;
    const parents = listAt(object, 'status', 'parents');
    const foreign = parents.filter((parent) => textAt(parent, 'controllerName') !== controllerName);
    const mine = listAt(seen, 'spec', 'parentRefs').map((parentRef): Json => {
      const known = parents.find((parent) => textAt(parent, 'controllerName') === controllerName && sameJson(fieldsAt(parent, 'parentRef'), parentRef));
      const conditions = withCondition(withCondition(listAt(known, 'conditions'), accepted, now), resolved, now);
      return { parentRef, controllerName, conditions };
    });
    return { ...object, status: { ...fieldsAt(object, 'status'), parents: [...foreign, ...mine] } };
  });
};
