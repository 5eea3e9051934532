/** `namespace/name`, either of them `*` for all: `pro/demo`, `pro/*`, `*\/demo`. */
export type NamePattern = string;

const part = '(\\*|[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?)';
export const namePattern = new RegExp(`^${part}/${part}$`);

/** Whether a rollout is one of those meant; without patterns each is. */
export const isAmong = (patterns: readonly NamePattern[] | undefined, { namespace, name }: { readonly namespace: string; readonly name: string }): boolean =>
  patterns === undefined ||
  patterns.some((pattern) => {
    const [space, own] = pattern.split('/');
    return (space === '*' || space === namespace) && (own === '*' || own === name);
  });
