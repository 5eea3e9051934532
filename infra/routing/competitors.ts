import type { Json } from '../../events/input.ts';
import type { KubeObject } from '../cluster/port.ts';

/** Other progressive-delivery controllers, by the API groups they own objects with and the prefixes of what they write on them. */
const controllers = [
  { name: 'Argo Rollouts', groups: ['argoproj.io'], kinds: ['Rollout'], prefixes: ['rollouts.argoproj.io'] },
  { name: 'Flagger', groups: ['flagger.app'], kinds: ['Canary'], prefixes: ['flagger.kubernetes.io', 'flagger.app'] },
  { name: 'OpenKruise Rollouts', groups: ['rollouts.kruise.io'], kinds: ['Rollout', 'TrafficRouting'], prefixes: ['rollouts.kruise.io'] },
] as const;

interface Owner {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

const ownerOf = (reference: Json): Owner => {
  const owner = reference as { readonly apiVersion?: string; readonly kind?: string; readonly name?: string };
  return { group: owner.apiVersion?.split('/')[0] ?? '', kind: owner.kind ?? '', name: owner.name ?? '' };
};

/** Two of these would undo each other's weights, so the object is refused. Marks: routing.md 1.8. */
export const otherController = (object: KubeObject): string | undefined => {
  const { annotations = {}, labels = {}, ownerReferences = [] } = object.metadata;
  const keys = [...Object.keys(annotations), ...Object.keys(labels)];
  const owners = ownerReferences.map(ownerOf);
  for (const { name, groups, kinds, prefixes } of controllers) {
    const key = keys.find((one) => prefixes.some((prefix) => one.split('/')[0] === prefix));
    const owner = owners.find((one) => groups.some((group) => group === one.group) && kinds.some((kind) => kind === one.kind));
    const sign = key ?? (owner === undefined ? undefined : `owner ${owner.kind} ${owner.name}`);
    if (sign !== undefined) return `it is managed by ${name} (${sign}); allowed are objects that no other delivery controller manages`;
  }
  return undefined;
};
