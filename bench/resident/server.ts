/**
 * A server of its own process on a database that holds releases already; nothing outside it can be reached. Arguments: the database.
 * Sends `{url}` once it listens, then answers each message of its parent with `{rss}`, the resident memory in MB, and ends when
 * the parent disconnects.
 */
import { readFileSync } from 'node:fs';
import { served } from '../world/served.ts';

const resident = (): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024;

const serving = await served(process.argv[2] ?? '', undefined);
process.on('message', () => process.send?.({ rss: resident() }));
process.once('disconnect', () => void serving.stop());
process.send?.({ url: serving.url });
