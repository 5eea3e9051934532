import { runSluice } from './program.ts';

const leave = new AbortController();
let asked = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    asked += 1;
    leave.abort();
    // Whoever asks twice does not want to wait for anything.
    if (asked > 1) process.exit(130);
  });
// A reader that has seen enough (head, less) ends us without a word.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runSluice(process.argv.slice(2), {
  env: process.env,
  directory: process.cwd(),
  out: process.stdout,
  err: process.stderr,
  stdin: process.stdin,
  leave: leave.signal,
});
