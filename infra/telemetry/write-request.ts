import type { Millis } from '../../events/input.ts';
import type { Sample } from './exposition.ts';

/** The one NaN that says "no longer there" (Prometheus, model/value: StaleNaN), as the bytes of a double. */
const stale = Buffer.from('020000000000f07f', 'hex');

/** Bytes of a varint; whole numbers from 0 to 2^53. */
const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) + 0x80);
  return Buffer.from([...bytes, left]);
};

/** A field of protobuf that is preceded by its length (wire type 2). */
const field = (number: number, ...content: readonly Uint8Array[]): Buffer => {
  const size = content.reduce((all, { length }) => all + length, 0);
  return Buffer.concat([varint(number * 8 + 2), varint(size), ...content]);
};

const double = (value: number | undefined): Buffer => {
  if (value === undefined) return stale;
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};

/**
 * A WriteRequest of Prometheus remote write 1.0: a time series for each sample, with one point at `at`. `common` labels go to each;
 * labels are sorted by name, as the protocol demands.
 */
export const writeRequest = (samples: readonly Sample[], common: Readonly<Record<string, string>>, at: Millis): Buffer =>
  Buffer.concat(
    samples.map(({ name, labels, value }) => {
      const sorted = Object.entries({ ...common, ...labels, __name__: name }).toSorted(([a], [b]) => (a < b ? -1 : 1));
      const spelled = sorted.map(([label, text]) => field(1, field(1, Buffer.from(label)), field(2, Buffer.from(text))));
      return field(1, ...spelled, field(2, Buffer.from([0x09]), double(value), Buffer.from([0x10]), varint(at)));
    }),
  );

const longestLiteral = 65_536;

/** The block format of snappy, of literals only: every reader takes it, and nothing is compressed. */
export const snappyBlock = (bytes: Uint8Array): Buffer => {
  const parts: Uint8Array[] = [varint(bytes.length)];
  for (let at = 0; at < bytes.length; at += longestLiteral) {
    const chunk = bytes.subarray(at, at + longestLiteral);
    // Tag 61: a literal whose length less one stands in the next two bytes, little end first.
    const last = chunk.length - 1;
    parts.push(Buffer.from([61 * 4, last % 0x100, Math.floor(last / 0x100)]), chunk);
  }
  return Buffer.concat(parts);
};
