// Rows of the journal in words. Pure, and shared with the command line.
import { shortDigest, versionName } from './words.js';

/** Each effect as a wish and as the thing done. */
const effects = {
  'image.resolve': ['ask the registry', 'the registry was asked'],
  'release.preflight': ['look at the cluster', 'the cluster was looked at'],
  'autoscaler.pin': ['raise the autoscaler’s lower bound', 'the autoscaler’s lower bound was raised'],
  'autoscaler.unpin': ['give the autoscaler its lower bound back', 'the autoscaler has its lower bound back'],
  'fleet.write': ['ask for canary pods', 'canary pods were asked for'],
  'fleet.look': ['look at the canary’s pods', 'the canary’s pods were looked at'],
  'fleet.delete': ['take the canary away', 'the canary was taken away'],
  'route.plan': ['plan the route and its way back', 'the route and its way back are planned'],
  'route.write': ['write the route', 'the route was written'],
  'route.verify': ['see the route in effect', 'the route was looked at'],
  'route.restore': ['write the way back', 'the way back was written'],
  'route.clean': ['remove our annotations', 'our annotations are removed'],
  'template.write': ['change stable’s image', 'stable’s image was changed'],
  'stable.look': ['look at stable', 'stable was looked at'],
  'liveness.look': ['look at the canary’s endpoints', 'the canary’s endpoints were looked at'],
  'analysis.look': ['measure', 'measured'],
  'document.send': ['tell', 'the word was passed on'],
};

const outcomes = {
  unavailable: 'no answer',
  refused: 'refused',
  notYet: 'not yet',
  unknown: 'unknown',
  foreign: 'changed by somebody else',
  changed: 'changed by somebody else',
  disarmed: 'the way back does not fit any more',
  noData: 'no data',
  providerDown: 'the provider is down',
};

const detail = (event) => {
  if (typeof event.reason === 'string' && event.reason !== '') return event.reason;
  if (typeof event.who === 'string') return `${event.who}: ${event.what}`;
  if (typeof event.digest === 'string') return shortDigest(event.digest);
  if (typeof event.ready === 'number') return `${event.ready}${typeof event.wanted === 'number' ? ` of ${event.wanted}` : ''} ready`;
  if (typeof event.value === 'number') return String(event.value);
  if (typeof event.canary === 'number') return `canary ${event.canary} %`;
  if (event.canary !== undefined && event.stable !== undefined) return `canary ${event.canary.bad} bad of ${event.canary.all}, stable ${event.stable.bad} of ${event.stable.all}`;
  return '';
};

const resultWords = (name, event) => {
  const outcome = event.type.slice(name.length + 1);
  const what = effects[name]?.[1] ?? name;
  return [what, outcomes[outcome] ?? (outcome === 'done' ? '' : outcome), detail(event)].filter((part) => part !== '').join(': ');
};

const timers = {
  hold: 'the hold is over',
  watch: 'the watch is over',
  lag: 'the proxies have had their time',
  backoff: 'time to try again',
  urgentBackoff: 'time to try again',
  liveness: 'time to look at the endpoints',
  livenessRetry: 'time to look at the endpoints again',
};

const timerWords = (name) => timers[name] ?? name.replace(/^look-(.*)$/, 'time to measure $1').replace(/^retry-(.*)$/, 'time to measure $1 again');

/** Rows that only say that it was time to look, or that a look found what was expected. */
export const isRoutine = ({ input: { timer, effect, event }, said }) => {
  if (said !== undefined) return false;
  if (timer !== undefined) return !['hold', 'watch'].includes(timer.name);
  return event.type === 'liveness.look.done' && effect !== undefined && event.ready > 0;
};

const withText = (words, text) => (typeof text === 'string' && text !== '' ? `${words}: ${text}` : words);

/** What arrived, in words. */
export const inputWords = ({ event, effect, timer }) => {
  if (timer !== undefined) return timerWords(timer.name);
  if (effect !== undefined) return resultWords(effect.name, event);
  switch (event.type) {
    case 'image.pushed':
      return `push of ${event.image}:${event.tag} (${shortDigest(String(event.digest))})`;
    case 'alert':
      return withText(`alert ${event.labels?.alertname ?? event.fingerprint} ${event.status}`, event.summary);
    case 'release.opened':
      return `release ${event.n} of ${versionName(event)} opened`;
    case 'release.ended':
      return withText(`release ${event.release} ended, ${event.outcome}`, event.reason);
    case 'definition.applied':
      return 'the definition was applied';
    case 'supersede':
      return `superseded by ${event.tag}`;
    case 'start':
      return `start ${versionName(event) === 'unknown' ? 'the newest version' : versionName(event)}${event.force === true ? ' by force' : ''}`;
    case 'jump':
      return `jump to step ${Number(event.step) + 1}`;
    case 'setWeight':
      return `set weight ${event.weight} %`;
    case 'abort':
    case 'unlock':
      return withText(event.type, event.reason);
    case 'approve':
    case 'reject':
      return withText(event.type, event.comment);
    default:
      return event.type;
  }
};

/** `{stepping: {gating: {hold: 'counting', liveness: 'off'}}}` -> `stepping.gating (hold counting)`. Parts at rest are left out. */
export const stateWords = (state) => {
  if (typeof state === 'string') return state;
  const entries = Object.entries(state ?? {});
  if (entries.length === 1) {
    const [[key, inner]] = entries;
    const below = stateWords(inner);
    return below === '' ? key : `${key}${below.startsWith(' (') ? '' : '.'}${below}`;
  }
  const busy = entries.map(([key, inner]) => [key, stateWords(inner)]).filter(([, inner]) => !['off', 'unused', 'done', ''].includes(inner));
  return busy.length === 0 ? '' : ` (${busy.map(([key, inner]) => `${key} ${inner}`).join(', ')})`;
};

const wish = ({ name, params }) => {
  const words = effects[name]?.[0] ?? name;
  if (name === 'route.write' && typeof params.canary === 'number') return `${words} (canary ${params.canary} %)`;
  if (name === 'fleet.write') return `${words} (${params.replicas})`;
  if (name === 'analysis.look') return `${words} ${params.analysis}`;
  if (name === 'document.send') return `${words} ${params.to}`;
  return words;
};

/** Who sent it, where somebody did: results and timers are Sluice's own. */
const whoWords = ({ by, effect, timer }) => (effect !== undefined || timer !== undefined || by === undefined || by === 'sluice' ? '' : by);

const outcomeNames = { moved: '', noted: 'no effect', duplicate: 'had come before', stale: 'too late', early: 'too early' };

/** A row in parts: what arrived, who sent it, what became of it, the state reached, what is asked for, and what there is to say. */
export const rowWords = (row) => ({
  at: row.at,
  what: inputWords(row.input),
  who: whoWords(row.input),
  outcome: outcomeNames[row.outcome] ?? row.outcome,
  state: stateWords(row.state).trim(),
  asks: row.effects.map(wish),
  said: row.said ?? '',
});
