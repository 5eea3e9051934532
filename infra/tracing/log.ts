import { traceIdOf } from './traceparent.ts';
import type { About, Level } from './port.ts';

const ranks = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: 100 } as const;
type Threshold = keyof typeof ranks;

/** Credentials in a text that somebody else wrote, an error of a client for example: after their scheme, or before the host of a URL. */
const credentials = /\b(bearer|basic)(\s+)[\w.~+/=:-]{6,}|(:\/\/)[^\s/@"\\]+@/gi;
const scrub = (line: string): string => line.replace(credentials, (_all, scheme?: string, gap?: string) => (scheme === undefined ? '://[redacted]@' : `${scheme}${gap ?? ' '}[redacted]`));

/** The level that `SLUICE_LOG` names: `warn` when it is absent. Throws for any other word than the allowed ones. */
export const logLevel = (written = process.env['SLUICE_LOG']): Threshold => {
  if (written === undefined || written === '') return 'warn';
  if (Object.hasOwn(ranks, written)) return written as Threshold;
  throw new Error(`SLUICE_LOG: found ${JSON.stringify(written)}, allowed are ${Object.keys(ranks).join(', ')}`);
};

let outlivesItsReader = false;
const toStandardOutput = (line: string): void => {
  // Whoever read the log may end at any time; a release does not end with them.
  if (!outlivesItsReader) process.stdout.on('error', () => undefined);
  outlivesItsReader = true;
  process.stdout.write(line);
};

/** A release's documents say which one it is. */
const releaseOf = (document: string | undefined): number | undefined => (document?.startsWith('release/') === true ? Number(document.split('/')[3]) : undefined);

/** One JSON object a line: level, time, msg, the id of the trace, and what the line is about. */
export const jsonLog = (level: Threshold = logLevel(), write: (line: string) => void = toStandardOutput) => (of: Level, message: string, { trace, document, ...about }: About): void => {
  if (ranks[of] < ranks[level]) return;
  const line = { level: of, time: new Date().toISOString(), msg: message, trace: trace === undefined ? undefined : traceIdOf(trace), document, release: releaseOf(document), ...about };
  write(`${scrub(JSON.stringify(line))}\n`);
};
