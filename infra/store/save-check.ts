import type { Document, JournalRow } from '../../statemachines/document.ts';

/**
 * Throws when the arguments of a save contradict each other: they would be stored, and found out much later. Every store calls it
 * before it writes.
 */
export const checkSave = (document: Document, expected: number, journal: readonly JournalRow[]): void => {
  const where = `save of ${document.id}`;
  if (!(document.version > expected)) {
    throw new Error(`${where}: version ${document.version} does not follow ${expected}; every save raises the version`);
  }
  let above = expected;
  for (const row of journal) {
    if (row.document !== document.id) throw new Error(`${where}: journal row is of ${row.document}; only rows of the document itself may be saved`);
    if (row.version <= above || row.version > document.version) {
      throw new Error(`${where}: journal row has version ${row.version}, must be above ${above} and at most ${document.version}`);
    }
    above = row.version;
  }
};
