/** What a registry asks for before it answers (RFC 7235; the bearer form is that of the Distribution token specification). */
export type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: string; readonly service?: string; readonly scope?: string };

const parameter = /([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*,?\s*/iy;

/** Reads a `WWW-Authenticate` header; of several challenges Bearer is preferred. Undefined where it holds neither. */
export const parseChallenge = (header: string): Challenge | undefined => {
  const bearer = /(?:^|,)\s*bearer\s+/i.exec(header);
  if (bearer === null) return /(?:^|,)\s*basic(?:\s|,|$)/i.test(header) ? { scheme: 'basic' } : undefined;
  const found = new Map<string, string>();
  parameter.lastIndex = bearer.index + bearer[0].length;
  for (let match = parameter.exec(header); match !== null; match = parameter.exec(header)) {
    const [, name = '', quoted, bare = ''] = match;
    found.set(name.toLowerCase(), quoted === undefined ? bare : quoted.replace(/\\(.)/g, '$1'));
  }
  const realm = found.get('realm');
  const service = found.get('service');
  const scope = found.get('scope');
  if (realm === undefined) return undefined;
  return { scheme: 'bearer', realm, ...(service === undefined ? {} : { service }), ...(scope === undefined ? {} : { scope }) };
};
