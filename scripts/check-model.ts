import { parseArgs } from 'node:util';
import { explore, spellViolation } from '../test/model/explore.ts';
import { mutants } from '../test/model/mutants.ts';
import { worldNamed, worlds } from '../test/model/configs.ts';
import { search } from '../test/model/search.ts';
import { invariants } from '../test/model/watching.ts';

const { values } = parseArgs({ options: { states: { type: 'string', default: '1000000' }, json: { type: 'boolean', default: false }, world: { type: 'string' } } });
const states = Number(values.states);
if (!Number.isInteger(states) || states < 1) throw new Error(`--states takes a whole number above 0; found ${values.states}`);
/** States within which a mutant must be caught. */
const mutantBudget = 200_000;

const say = (line: string): void => void (values.json || process.stdout.write(`${line}\n`));
const started = performance.now();

const found = explore(
  states,
  ({ world, states: seen, documents, edges, complete, milliseconds, violation }) =>
    say(`${world.padEnd(16)} ${String(seen).padStart(9)} states ${String(documents).padStart(6)} documents ${String(edges).padStart(10)} steps  ${complete ? 'complete' : 'cut off '}  ${Math.round(seen / (milliseconds / 1000))}/s${violation === undefined ? '' : '  VIOLATED'}`),
  values.world === undefined ? worlds : [worldNamed(values.world)],
);
const seen = found.reduce((sum, one) => sum + one.states, 0);
const seconds = (performance.now() - started) / 1000;
const survivors = mutants.filter(({ world, behaviour }) => search(worldNamed(world), mutantBudget, behaviour).violation === undefined).map(({ name }) => name);
const violations = found.filter(({ violation }) => violation !== undefined);
const names = [...new Set(invariants.map(({ name }) => name))];

if (values.json)
  process.stdout.write(`${JSON.stringify({ states: seen, statesPerSecond: Math.round(seen / seconds), checks: invariants.length, invariants: names, mutants: mutants.length, survivors, worlds: found })}\n`);
else {
  for (const one of violations) say(`\n${one.world}: ${spellViolation(one)}`);
  say(`\n${seen} states at ${Math.round(seen / seconds)} a second, ${invariants.length} checks of ${names.length} rules (${names.join(', ')})`);
  say(`${mutants.length - survivors.length} of ${mutants.length} mutants caught${survivors.length === 0 ? '' : `; not: ${survivors.join('; ')}`}`);
}
if (violations.length > 0 || survivors.length > 0) process.exitCode = 1;
