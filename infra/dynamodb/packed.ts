import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Item } from './requests.ts';

/** Lines of JSON, which say much the same again and again, take a fifth of their size when packed; every save pays by the kilobyte. */
export const packed = (lines: readonly string[]): Uint8Array => deflateRawSync(lines.join('\n'));

export const B = (bytes: Uint8Array): AttributeValue => ({ B: bytes });

/** The lines of a packed attribute; none where the item has no such attribute. */
export const linesOf = (item: Item | undefined, name: string): readonly string[] => {
  const bytes = item?.[name]?.B;
  return bytes === undefined ? [] : inflateRawSync(bytes).toString('utf8').split('\n');
};
