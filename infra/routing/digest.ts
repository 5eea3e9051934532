import { createHash } from 'node:crypto';
import type { Json } from '../../events/input.ts';

/** The first `length` hex digits of the SHA-256 of a text: short, the same everywhere, and no secret. */
export const shortHash = (text: string, length: number): string => createHash('sha256').update(text).digest('hex').slice(0, length);

/** JSON with its keys in order, so that equal values give equal texts. */
export const canonical = (value: Json | undefined): string =>
  JSON.stringify(value ?? null, (_key, item: Json) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
