/**
 * The plural that a kind has in URLs, as the API machinery guesses it (`UnsafeGuessKindToResource` in k8s.io/apimachinery):
 * lower case, then s -> ses, y -> ies, anything else + s. Asking the server instead would cost requests that are on a budget.
 * Two departures, both because the guess is wrong for kinds that exist: `Endpoints` is its own plural, and a y after a vowel
 * stays (`Gateway` of the Gateway API and of Istio is served as gateways).
 */
const pluralOf = (kind: string): string => {
  const singular = kind.toLowerCase();
  if (singular.endsWith('endpoints')) return singular;
  if (singular.endsWith('s')) return `${singular}es`;
  if (/[^aeiou]y$/.test(singular)) return `${singular.slice(0, -1)}ies`;
  return `${singular}s`;
};

/**
 * Where a kind, or one object of it when `name` is given, is served. Without a namespace (or with the empty one, as Kubernetes
 * writes "all namespaces") the path is cluster-wide.
 */
export const pathOf = (of: { readonly apiVersion: string; readonly kind: string; readonly namespace?: string; readonly name?: string }): string => {
  const root = of.apiVersion.includes('/') ? '/apis' : '/api';
  const namespace = of.namespace ? `/namespaces/${encodeURIComponent(of.namespace)}` : '';
  const name = of.name === undefined ? '' : `/${encodeURIComponent(of.name)}`;
  return `${root}/${of.apiVersion}${namespace}/${pluralOf(of.kind)}${name}`;
};
