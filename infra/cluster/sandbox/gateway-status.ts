import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../port.ts';
import { referTo, type ApiServer } from './api-server.ts';
import type { Lookup } from './backends.ts';
import { fieldsAt, listAt, sameJson, textAt } from './fields.ts';
import { firstUnresolved } from './gateway-routes.ts';
import { proxyProblem } from './http-proxies.ts';
import { withCondition } from './owners.ts';

const controllerName = 'sluice.dev/sandbox-gateway';
const writer = { manager: 'sandbox-gateway', subresource: 'status' } as const;

/** Writes what the gateway made of an HTTPRoute or GRPCRoute into its status: Accepted and ResolvedRefs, for the generation that it saw. */
export const reportGatewayRoute = (server: ApiServer, seen: KubeObject, lookup: Lookup, now: number): void => {
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

/** Writes what the gateway made of an HTTPProxy into its status, as Contour does: one condition Valid, for the generation that it saw. */
export const reportHttpProxy = (server: ApiServer, seen: KubeObject, all: readonly KubeObject[], lookup: Lookup, now: number): void => {
  const problem = proxyProblem(seen, all, lookup);
  const currentStatus = problem === undefined ? 'valid' : problem.type === 'Orphaned' ? 'orphaned' : 'invalid';
  const description = problem === undefined ? 'Valid HTTPProxy' : 'At least one error present, see Errors for details';
  const valid = {
    type: 'Valid',
    status: problem === undefined ? 'True' : 'False',
    reason: problem === undefined ? 'Valid' : 'ErrorPresent',
    message: description,
    observedGeneration: seen.metadata.generation ?? 0,
    ...(problem === undefined ? {} : { errors: [{ ...problem, status: 'True' }] }),
  } as const;
  server.change(referTo(seen), writer, (object) =>
    object.metadata.uid === seen.metadata.uid
      ? { ...object, status: { ...fieldsAt(object, 'status'), currentStatus, description, conditions: withCondition(listAt(object, 'status', 'conditions'), valid, now) } }
      : object,
  );
};
