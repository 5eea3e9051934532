const spelling = /^([^.*]+)(?:\.([^.]+)(?:\.(svc(?:\..+)?))?)?$/;

/**
 * Reads a host as people write Services: `app`, `app.prod`, `app.prod.svc`, `app.prod.svc.cluster.local`. Undefined for any other,
 * the hosts of a cluster set among them: behind these stand the Services of several clusters.
 */
export const readHost = (host: string, namespace: string): { readonly name: string; readonly namespace: string } | undefined => {
  const [, name, home = namespace, domain] = spelling.exec(host) ?? [];
  return name === undefined || domain === 'svc.clusterset.local' ? undefined : { name, namespace: home };
};

/** The host of another Service, spelled as this one. */
export const siblingHost = (host: string, service: string): string => {
  const dot = host.indexOf('.');
  return dot < 0 ? service : `${service}${host.slice(dot)}`;
};

/** Istio completes names without a dot and takes all others as they are (`ResolveShortnameToFQDN`), so `app.prod` finds no Service. */
export const isComplete = (host: string): boolean => !host.includes('.') || /\.svc\../.test(host);
