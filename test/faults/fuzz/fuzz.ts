import fc from 'fast-check';
import { definitionText } from './definitions.ts';
import { payload } from './payloads.ts';
import { readers, tryPayload } from './readers.ts';

/** How many of ten payloads are definitions: YAML takes ten times as long. */
const definitionsInTen = 2;

const nothingWrong = (problem: string | undefined): void => {
  if (problem !== undefined) throw new Error(problem);
};

/** Throws for the first payload that something is wrong with, made as small as it can be, with the seed. */
export const fuzz = (runs: number, seed: number): void => {
  const definitions = Math.round((runs * definitionsInTen) / 10);
  fc.assert(fc.property(payload, (body) => nothingWrong(tryPayload(readers.payloads, body))), { numRuns: runs - definitions, seed });
  fc.assert(fc.property(definitionText, (text) => nothingWrong(tryPayload(readers.definitions, text))), { numRuns: definitions, seed });
};
