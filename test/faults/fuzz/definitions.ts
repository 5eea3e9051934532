import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';

const folder = new URL('../../../examples/', import.meta.url);
const examples: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'));

/** Scalars that YAML, durations, names, patterns and numbers are strict or careless about. */
const scalar = fc.oneof(
  fc.constantFrom('', '~', 'null', 'yes', 'NO', '.inf', '-.Inf', '.nan', '0x1F', '0o17', '1_000', '1e999', '-1', '101', '99999999999999999999', '1.5', '30d', '31d', '0s', '-5s', '5 s', `${'9'.repeat(400)}s`, '2026-01-01', '!!binary x', '!!js/function x', '!<tag:x> y', '&a x', '*a', '"\\ud800"', '"\\x00"', "'", '"', '|', '>-', '? a', '- a', '{a: 1}', '[1, 2]', '{', '[', '}', '#', '%YAML 9.9', '---', '...', '<<', '__proto__', 'constructor', '${{', '${canary'),
  fc.tuple(fc.constantFrom('a', 'a-', '.', '*', '(a+)+', '[a-', '{1..9}', '>=1 ', '1||', ' ', '\t', '\\', ':', '"\\n'), fc.integer({ min: 1, max: 300 })).map(([piece, times]) => piece.repeat(times)),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)), maxLength: 30 }),
);

const lines = (text: string): string[] => text.split('\n');

const replaced = fc.tuple(fc.constantFrom(...examples), fc.nat(60), scalar).map(([text, nth, other]) => lines(text).map((line, i, all) => (i === nth % all.length ? line.replace(/:.*$/, `: ${other}`) : line)).join('\n'));
const renamed = fc.tuple(fc.constantFrom(...examples), fc.nat(60), scalar).map(([text, nth, other]) => lines(text).map((line, i, all) => (i === nth % all.length ? line.replace(/[\w-]+:/, `${other}:`) : line)).join('\n'));
const moved = fc.tuple(fc.constantFrom(...examples), fc.nat(60), fc.integer({ min: -6, max: 12 })).map(([text, nth, by]) =>
  lines(text).map((line, i, all) => (i !== nth % all.length ? line : by >= 0 ? ' '.repeat(by) + line : line.slice(Math.min(-by, line.length)))).join('\n'),
);
const shuffled = fc.tuple(fc.constantFrom(...examples), fc.nat(60), fc.nat(60), fc.boolean()).map(([text, from, to, copy]) => {
  const all = lines(text);
  const [line = ''] = copy ? all.slice(from % all.length) : all.splice(from % all.length, 1);
  return all.toSpliced(to % (all.length + 1), 0, line).join('\n');
});
const spliced = fc.tuple(fc.constantFrom(...examples), fc.nat(2_000), fc.nat(40), scalar).map(([text, at, cut, insert]) => text.slice(0, at) + insert + text.slice(at + cut));
const crossed = fc.tuple(fc.constantFrom(...examples), fc.constantFrom(...examples), fc.nat(2_000), fc.nat(2_000)).map(([a, b, to, from]) => a.slice(0, to) + b.slice(from));

/** Each list names the one before it many times. */
const bomb = fc.tuple(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 2, max: 20 }), fc.constantFrom(...examples)).map(
  ([depth, width, text]) => `a0: &a0 [x]\n${Array.from({ length: depth }, (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: width }, () => `*a${i}`).join(', ')}]`).join('\n')}\n${text}`,
);
const deep = fc.tuple(fc.constantFrom('[', '{a: ', '- ', '"'), fc.integer({ min: 1, max: 200 })).map(([open, times]) => open.repeat(times));

/** Texts that somebody may send as definitions. */
export const definitionText: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: replaced },
  { weight: 2, arbitrary: renamed },
  { weight: 2, arbitrary: moved },
  { weight: 2, arbitrary: shuffled },
  { weight: 3, arbitrary: spliced },
  { weight: 1, arbitrary: crossed },
  { weight: 1, arbitrary: bomb },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: scalar },
);
