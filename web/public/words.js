// Times, versions and phases in words. Shared by the page and the command line, so that both say the same.

/** Milliseconds as people say them: `41 s`, `4m12s`, `3h05m`, `2d4h`. Negative spans are shown as none. */
export const elapsed = (ms) => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`;
  return `${Math.floor(seconds / 86_400)}d${Math.floor((seconds % 86_400) / 3600)}h`;
};

/** What is left of a wait; rounded up, so that it is over when it says 0. */
export const left = (ms) => elapsed(Math.ceil(Math.max(0, ms) / 1000) * 1000);

/** Local time of day `14:32:10`; with the date before it when that is not the day of `now`. */
export const clock = (at, now = at) => {
  const two = (n) => String(n).padStart(2, '0');
  const date = new Date(at);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  if (date.toDateString() === new Date(now).toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
};

/** `sha256:9f3c1a2b77...` -> `9f3c1a2b`: enough to tell digests apart by eye. */
export const shortDigest = (digest) => digest.replace(/^[a-z0-9+._-]+:/, '').slice(0, 8);

/** A version by the name people use: its tag, else its short digest. */
export const versionName = (version) => version?.tag ?? (version?.digest === undefined ? 'unknown' : shortDigest(version.digest));

/** `1 pod`, `2 pods`. */
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;

const phases = {
  preparing: 'preparing',
  stepping: 'stepping',
  promoting: 'promoting',
  watching: 'watching',
  settling: 'settling',
  halted: 'halted',
  rollingBack: 'rolling back',
  retiring: 'rolling back, users are back',
  restoring: 'restoring stable',
  completed: 'completed',
  rolledBack: 'rolled back',
  cancelled: 'cancelled',
  refused: 'refused',
};

/** The phase in words. */
export const phaseName = (phase) => phases[phase] ?? phase;

const verdicts = {
  pass: 'passes',
  fail: 'fails',
  inconclusive: 'cannot tell',
  noData: 'no data',
  providerDown: 'the provider is down',
  tooFewSamples: 'too few samples',
  notYet: 'not yet',
};

/** The kind of a verdict in words. */
export const verdictName = (kind) => verdicts[kind] ?? kind;
