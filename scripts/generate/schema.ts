import { definitionJsonSchema } from '../../statemachines/definition/compile.ts';
import type { Generated } from './generated.ts';

/** The schema of definitions, for editors. */
export const schema = (): Generated => ({ path: 'docs/schema/rollout.schema.json', text: `${JSON.stringify({ title: 'Sluice rollout', ...definitionJsonSchema() }, undefined, 2)}\n` });
