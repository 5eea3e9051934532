import type { Json } from '../../../events/input.ts';
import type { KubeObject } from '../../cluster/port.ts';
import type { Verified } from '../port.ts';
import { fieldOf, listAt, textOf } from '../split/layout.ts';
import { saidUnder } from '../conditions.ts';
import { canonical } from '../digest.ts';

const conditionTypes = ['Accepted', 'ResolvedRefs'] as const;

interface Finding {
  readonly fresh: boolean;
  readonly good: boolean;
  readonly sentence: string;
}

const parentKey = (reference: Json | undefined, namespace: string): string =>
  canonical([
    fieldOf(reference, 'group') ?? 'gateway.networking.k8s.io',
    fieldOf(reference, 'kind') ?? 'Gateway',
    fieldOf(reference, 'namespace') ?? namespace,
    fieldOf(reference, 'name') ?? null,
    fieldOf(reference, 'sectionName') ?? null,
    fieldOf(reference, 'port') ?? null,
  ]);

const finding = (parent: Json, type: string, generation: number): Finding => {
  const gateway = textOf(fieldOf(fieldOf(parent, 'parentRef'), 'name'), '(no name)');
  const { fresh, good, observed, sentence } = saidUnder(fieldOf(parent, 'conditions'), type, generation);
  return {
    fresh,
    good,
    sentence: fresh ? `parent ${gateway} says ${sentence}` : `parent ${gateway} has ${type} of generation ${observed}, the object is at ${generation}`,
  };
};

/** What the gateways say of this generation. Entries for parents that the route names no longer are left out: nobody renews them. */
const findings = (object: KubeObject): readonly Finding[] => {
  const namespace = object.metadata.namespace ?? '';
  const named = new Set(listAt(fieldOf(object['spec'], 'parentRefs')).map((reference) => parentKey(reference, namespace)));
  return listAt(fieldOf(object['status'], 'parents'))
    .filter((parent) => named.has(parentKey(fieldOf(parent, 'parentRef'), namespace)))
    .flatMap((parent) => conditionTypes.map((type) => finding(parent, type, object.metadata.generation ?? 0)));
};

/** What keeps the gateways from serving this route as it is now, if they have said so. */
export const rejected = (object: KubeObject): string | undefined => findings(object).find(({ fresh, good }) => fresh && !good)?.sentence;

/**
 * Every parent must have taken this generation: Accepted and ResolvedRefs, True, observedGeneration reached. On the way back it
 * is enough that they have seen it, since a reference of the user's own that does not resolve must not hold users on the canary.
 */
export const takenByParents = (object: KubeObject, back: boolean): Verified => {
  const all = findings(object);
  if (all.length === 0) return { state: 'notYet', reason: 'no parent that the route names has reported in status.parents' };
  const waiting = all.find(({ fresh, good }) => !fresh || (!back && !good));
  return waiting === undefined ? { state: 'inEffect' } : { state: 'notYet', reason: waiting.sentence };
};
