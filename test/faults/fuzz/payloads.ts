import { readFileSync } from 'node:fs';
import fc from 'fast-check';

const capture = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../fixtures/payloads/${name}.json`, import.meta.url), 'utf8'));
const pushes = capture('docker-registry-push') as { readonly deliveries: readonly { readonly body: unknown }[] };
const alerts = ['alertmanager-firing', 'alertmanager-resolved'].map((name) => (capture(name) as { readonly body: unknown }).body);

/** Bodies that real senders sent. */
const captures: readonly string[] = [...pushes.deliveries.map(({ body }) => body), ...alerts].map((body) => JSON.stringify(body));

/** Every code unit there is, halves of pairs among them. */
const units = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)), maxLength: 40 });

/** Texts that patterns written without care take long for, or that numbers and dates are read from. */
const repeated = fc
  .tuple(fc.constantFrom('a', 'a-', '-', '.', '__', '/', 'a/', '1.', '0', '9', ' ', '\\', '"', '\u{1f600}', '\ud800', '%', 'é', 'sha256:', ':', '+', '2026-01-01T00:00:00.', '[', '{"a":', '\n'), fc.integer({ min: 1, max: 5_000 }), fc.constantFrom('', '!', 'Z', '\0'))
  .map(([piece, times, end]) => piece.repeat(times) + end);

const deep = fc.tuple(fc.constantFrom('[', '{"a":', '[{"alerts":'), fc.integer({ min: 1, max: 10_000 })).map(([open, times]) => open.repeat(times));

const poisonous = fc.constantFrom<unknown>(null, true, '', 0, -0, 1e308, -1e308, 5e-324, 2 ** 53, [], {}, [[]], { length: 3 }, { toString: null }, '__proto__', 'constructor');

/** What a field may be replaced by. */
const value = fc.oneof(poisonous, fc.jsonValue({ maxDepth: 4 }), units, repeated, fc.double());

const spliced = fc
  .tuple(fc.constantFrom(...captures), fc.nat(3_000), fc.nat(60), fc.oneof(units, fc.string({ unit: 'binary', maxLength: 20 }), deep))
  .map(([text, at, cut, insert]) => text.slice(0, at) + insert + text.slice(at + cut));

/** One field, wherever it is, becomes something else. */
const replaced = fc.tuple(fc.constantFrom(...captures), fc.nat(200), value).map(([text, nth, other]) => {
  let at = 0;
  return JSON.stringify(JSON.parse(text, (_, old: unknown) => (at++ === nth ? other : old)));
});

/** Keys that mean something to JavaScript, and numbers that mean nothing. */
const renamed = fc
  .tuple(fc.constantFrom(...captures), fc.constantFrom('__proto__', 'constructor', 'toString', 'length', 'then', ''), fc.nat(40))
  .map(([text, name, nth]) => {
    let at = 0;
    return text.replace(/"(\w+)":/g, (whole) => (at++ === nth ? `${JSON.stringify(name)}:` : whole));
  });
const numbers = fc.tuple(fc.constantFrom(...captures), fc.constantFrom('1e999', '-1e999', '0e-999', '9'.repeat(400), '1'.padEnd(300, '0'), '-0')).map(([text, number]) => text.replace(/:\s*\d+/, `:${number}`));

/** The same entry many times over. */
const multiplied = fc.tuple(fc.constantFrom(...captures), fc.integer({ min: 2, max: 60 })).map(([text, times]) => {
  const body = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify(Object.fromEntries(Object.entries(body).map(([key, old]) => [key, Array.isArray(old) ? Array.from({ length: times }, () => old as unknown[]).flat() : old])));
});

const bytes = fc.tuple(fc.constantFrom(...captures), fc.nat(2_000), fc.uint8Array({ maxLength: 6 })).map(([text, at, insert]) => {
  const body = Buffer.from(text);
  return new Uint8Array(Buffer.concat([body.subarray(0, at), insert, body.subarray(at)]));
});

/** What may arrive under the address of a sender. */
export const payload: fc.Arbitrary<Uint8Array | string> = fc.oneof(
  { weight: 5, arbitrary: replaced },
  { weight: 4, arbitrary: spliced },
  { weight: 2, arbitrary: renamed },
  { weight: 1, arbitrary: numbers },
  { weight: 1, arbitrary: multiplied },
  { weight: 2, arbitrary: bytes },
  { weight: 1, arbitrary: units },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
);
