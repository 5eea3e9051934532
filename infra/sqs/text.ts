/**
 * The largest message and the largest batch that SQS takes: 1 MiB with all attributes (documented with SendMessageBatch and
 * MessageAttributeValue; 256 KiB until August 2025). A queue made with a smaller MaximumMessageSize refuses earlier.
 */
export const largestRequest = 1_048_576;

/** Left for the reason when a message becomes a dead letter. */
const roomForReason = 4_096;
export const largestBody = largestRequest - roomForReason;

const longestReason = 600;

/**
 * JSON in the characters that a message may have: SQS refuses U+FFFE and U+FFFF, and emulators refuse what lies beyond the basic
 * plane, as SQS once did. Control characters are escaped by JSON itself.
 */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value).replace(/[\ud800-\udfff\ufffe\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);

/** A reason as an attribute: at most six bytes a character, so that it fits beside the largest body. */
export const reasonText = (reason: string): string => jsonText(reason.slice(0, longestReason));

export const readReason = (text: string): string => {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
};

/** Bytes that a UTF-16 unit takes in `jsonText`. */
const bytesOf = (unit: number): number => {
  if (unit === 0x22 || unit === 0x5c || (unit >= 0x08 && unit <= 0x0d && unit !== 0x0b)) return 2;
  if (unit < 0x20 || (unit >= 0xd800 && unit <= 0xdfff) || unit >= 0xfffe) return 6;
  if (unit < 0x80) return 1;
  return unit < 0x800 ? 2 : 3;
};

/** The longest beginning of `raw` for which `spell`, which puts it into JSON, gives a body that fits; no character is cut. */
export const beginningThatFits = (raw: string, spell: (raw: string) => string): string => {
  let room = largestBody - Buffer.byteLength(spell(''));
  for (let at = 0; at < raw.length; at++) {
    room -= bytesOf(raw.charCodeAt(at));
    if (room >= 0) continue;
    const last = raw.charCodeAt(at - 1);
    return raw.slice(0, last >= 0xd800 && last <= 0xdbff ? at - 1 : at);
  }
  return raw;
};
