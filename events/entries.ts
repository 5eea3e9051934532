import type { IdentifiedFact, Ignored } from './parsed.ts';

/** Most entries of one message that are read: keeps the time for one body bounded, and no real sender comes near. */
export const maxEntries = 2_000;

type Read = (entry: unknown, where: string) => IdentifiedFact | Ignored;

/** Reads a message's list entry by entry, so that one malformed entry never costs its neighbours. */
export const readEntries = (
  entries: readonly unknown[],
  name: string,
  read: Read,
): { readonly facts: readonly IdentifiedFact[]; readonly ignored: readonly Ignored[] } => {
  const facts: IdentifiedFact[] = [];
  const ignored: Ignored[] = [];
  for (const [i, entry] of entries.slice(0, maxEntries).entries()) {
    const result = read(entry, `${name}.${i}`);
    if ('fact' in result) facts.push(result);
    else ignored.push(result);
  }
  if (entries.length > maxEntries) ignored.push({ reason: `${name}: found ${entries.length}, only the first ${maxEntries} were read` });
  return { facts, ignored };
};
