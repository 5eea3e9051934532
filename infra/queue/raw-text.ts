/** Most that is kept of a raw text that was parked, in bytes of UTF-8: 1 MiB. */
const longestRaw = 1_048_576;

/** The beginning of `raw` that fits into `longestRaw` bytes; no character is cut. */
export const beginningOf = (raw: string): string => {
  if (Buffer.byteLength(raw) <= longestRaw) return raw;
  const { read } = new TextEncoder().encodeInto(raw, new Uint8Array(longestRaw));
  return raw.slice(0, read);
};
