import type { Api } from './api.ts';
import type { RolloutsAnswer } from './answers.ts';
import { exitCodes, Failure } from './exit.ts';

export interface RolloutName {
  readonly namespace: string;
  readonly name: string;
}

/** The path of a rollout in the API. */
export const rolloutPath = ({ namespace, name }: RolloutName): string => `/api/rollouts/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;

export const fullName = ({ namespace, name }: RolloutName): string => `${namespace}/${name}`;

/** `ns/name`, or a name whose namespace is the one given, that of the only rollout called so, or `default`. */
export const resolveName = async (text: string, namespace: string | undefined, api: Pick<Api, 'get'>): Promise<RolloutName> => {
  const [first = '', second, ...more] = text.split('/');
  if (first === '' || second === '' || more.length > 0) throw new Failure(exitCodes.usage, 'badName', `${JSON.stringify(text)} is not a rollout; allowed is name or namespace/name`);
  if (second !== undefined) {
    if (namespace !== undefined && namespace !== first) throw new Failure(exitCodes.usage, 'badName', `${text} is not in the namespace ${namespace} of --namespace; give only one of them`);
    return { namespace: first, name: second };
  }
  if (namespace !== undefined) return { namespace, name: first };
  const { rollouts } = await api.get<RolloutsAnswer>('/api/rollouts');
  const same = rollouts.filter(({ name }) => name === first);
  if (same.length > 1) throw new Failure(exitCodes.usage, 'ambiguousName', `${first} is in ${same.length} namespaces: say ${same.map(fullName).join(' or ')}`);
  return { namespace: same[0]?.namespace ?? 'default', name: first };
};
