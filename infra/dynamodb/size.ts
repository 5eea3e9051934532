import type { DocumentId } from '../../events/input.ts';
import type { Item } from './requests.ts';

/** Bytes that DynamoDB takes for one item: names and values. */
const mostBytes = 409_600;
/** Keys, and numbers, which are smaller than their text. */
const reserved = 4_096;

/** Throws when the item is too large to be stored, before anything is sent. */
export const checkSize = (id: DocumentId, item: Item): void => {
  const parts = ['body', 'pending', 'counted'].map((name) => Buffer.byteLength(item[name]?.B ?? item[name]?.S ?? ''));
  const bytes = parts.reduce((sum, part) => sum + part, reserved);
  if (bytes <= mostBytes) return;
  const [body, pending, counted] = parts;
  throw new Error(`store: save of ${id}: its item would have ${bytes} bytes (document ${body}, journal rows ${pending}, counts ${counted}); DynamoDB takes ${mostBytes} at most`);
};
