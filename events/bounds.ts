import type * as z from 'zod';

/** Largest body that is looked at: bytes, or characters where the caller has decoded it already. */
export const maxBodySize = 1_048_576;

/** Deepest nesting of lists and objects that is handed to the JSON parser. */
export const maxDepth = 64;

/** Most values of one body. The parser's time grows with them rather than with the size; real senders need over 30 bytes for each. */
export const maxValues = 40_000;

const longestShown = 60;

export type Json = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string };

/**
 * Reads JSON from a stranger: size, encoding and depth are checked before the parser runs. Never throws.
 * A key named `__proto__` stays an ordinary own key, and of equal keys the last one counts (ECMA-262, JSON.parse).
 */
export const readJson = (body: Uint8Array | string): Json => {
  if (body.length > maxBodySize) return fail(`found ${body.length} bytes, allowed are ${maxBodySize}`);
  const text = typeof body === 'string' ? body : decode(body);
  if (text === undefined) return fail('found bytes that are not UTF-8, allowed is JSON in UTF-8');
  const shape = measure(text);
  if (shape.depth > maxDepth) return fail(`found nesting deeper than ${maxDepth} levels, which is the limit`);
  if (shape.values > maxValues) return fail(`found more than ${maxValues} values, which is the limit`);
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    return fail(`found no JSON: ${(error as Error).message}`);
  }
};

/** One sentence for the first mistake that zod found: `where: found x, allowed is y`. Schemas give y as their message. */
export const explain = (error: z.ZodError, value: unknown, where = ''): string => {
  const issue = error.issues[0];
  if (issue === undefined) return `${where}: not understood`;
  const found = issue.path.reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), value);
  const path = [where, ...issue.path.map(String)].filter((part) => part !== '').join('.');
  return `${path === '' ? 'body' : path}: found ${show(found)}, allowed is ${issue.message}`;
};

/** A short form of any JSON value for people; long text is cut. */
export const show = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    return value.length > longestShown ? `${JSON.stringify(value.slice(0, longestShown))}...` : JSON.stringify(value);
  }
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? String(value) : 'an object';
};

const isObject = (value: unknown): value is Record<PropertyKey, unknown> => typeof value === 'object' && value !== null;

const fail = (found: string): Json => ({ ok: false, reason: `body: ${found}` });

const decode = (body: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
};

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const leftBracket = 0x5b;
const rightBracket = 0x5d;
const leftBrace = 0x7b;
const rightBrace = 0x7d;

interface Shape {
  readonly depth: number;
  readonly values: number;
}

/** One pass without recursion, so that depth cannot exhaust the stack. What stands inside strings does not count. Stops at a limit. */
const measure = (text: string): Shape => {
  let depth = 0;
  let values = 1;
  let inString = false;
  for (let i = 0; i < text.length && depth <= maxDepth && values <= maxValues; i += 1) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === backslash) i += 1;
      else if (code === quote) inString = false;
    } else if (code === quote) inString = true;
    else if (code === comma) values += 1;
    else if (code === leftBracket || code === leftBrace) {
      depth += 1;
      values += 1;
    } else if (code === rightBracket || code === rightBrace) depth -= 1;
  }
  return { depth, values };
};
