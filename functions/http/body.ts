import type * as z from 'zod';
import { explain, readJson } from '../../events/bounds.ts';
import { Problem } from './problems.ts';

/** The body as this schema has it, or a refusal that says where, what was found and what is allowed. */
export const jsonBody = <S extends z.ZodType>(schema: S, body: Buffer | undefined): z.output<S> => {
  const read = readJson(body ?? new Uint8Array());
  if (!read.ok) throw new Problem(400, 'bad-json', read.reason);
  const parsed = schema.safeParse(read.value);
  if (parsed.success) return parsed.data;
  throw new Problem(422, 'bad-request', explain(parsed.error, read.value));
};
