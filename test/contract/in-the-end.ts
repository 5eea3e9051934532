import { vi } from 'vitest';

/** What is found through an index, and what is counted, may be a moment behind: it is asked for until it is there. */
export const inTheEnd = <T>(read: () => Promise<T>, check: (found: T) => void): Promise<void> => vi.waitFor(async () => check(await read()), { timeout: 2_000, interval: 20 });
