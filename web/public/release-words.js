// What a release looks like to people: who meets which version, where it stands, how it ended. Pure, and shared with the command line.
import { count, elapsed, phaseName, versionName } from './words.js';

const goingBack = ['rollingBack', 'retiring', 'restoring', 'rolledBack'];

/** The release has ended. */
export const isOver = (release) => release.endedAt !== undefined;

/** Users are on a canary that is known to be bad: the only thing that is shown in red. */
export const hurting = (release) => release.exposed && !isOver(release) && (release.ending?.bad === true || release.verdicts.some(({ kind }) => kind === 'fail'));

/** Where the release stands, in a few words. */
export const standing = (release) => {
  const at = release.steps.findIndex(({ state }) => state === 'current');
  const words = release.phase === 'stepping' && at >= 0 ? `step ${at + 1} of ${release.steps.length}` : phaseName(release.phase);
  return release.paused === undefined ? words : `${words}, paused`;
};

/** Percent of users on the canary as last seen, over all routes; undefined while it is on its way and nobody has seen it yet. */
export const seenShare = (release) => {
  if (!release.exposed) return 0;
  return release.seen.length === 0 ? undefined : Math.max(...release.seen.map(({ canary }) => canary));
};

/** The state below the phase, e.g. `looking` of settling. */
const within = (release) => {
  const inner = typeof release.state === 'object' && release.state !== null ? release.state[release.phase] : undefined;
  return typeof inner === 'string' ? inner : Object.keys(inner ?? {})[0];
};

/** The version that stable's pods run. While they are being changed it is both. */
const stableVersion = (release) => {
  const [before, after] = [release.from === undefined ? 'before' : versionName(release.from), versionName(release)];
  if (release.phase === 'completed') return after;
  if (release.phase === 'settling') return ['template', 'looking'].includes(within(release)) ? `${before}→${after}` : after;
  return before;
};

const pods = (release) => {
  const several = release.fleets.length > 1;
  return {
    stable: release.fleets.map(({ target, stable }) => (several ? `${target} ${stable}` : count(stable, 'pod'))).join(', '),
    canary: release.fleets.map(({ target, ready, wanted }) => `${several ? `${target} ` : ''}${ready}/${wanted}`).join(', ') + (release.fleets.length > 0 ? ' ready' : ''),
  };
};

/** Who meets which version: stable first. A release that is over has no canary. */
export const sides = (release, now) => {
  const canary = seenShare(release);
  const stable = { role: 'stable', version: stableVersion(release), percent: 100 - (canary ?? 0), notes: [pods(release).stable].filter((note) => note !== '') };
  if (isOver(release) || release.phase === 'preparing') return [stable];
  const notes = [hurting(release) ? 'failing' : '', pods(release).canary];
  const spread = new Set(release.seen.map((one) => one.canary)).size > 1;
  if (release.exposed && release.seen.length === 0) notes.push('not seen in effect yet');
  else if (release.exposed && spread) notes.push(`seen: ${release.seen.map((one) => `${one.route} ${one.canary} %`).join(', ')}`);
  else if (release.exposed) notes.push(`seen ${elapsed(now - Math.min(...release.seen.map(({ at }) => at)))} ago`);
  if (['stepping', 'promoting'].includes(release.phase) && release.wanted !== (canary ?? -1)) notes.push(`going to ${release.wanted} %`);
  return [stable, { role: 'canary', version: versionName(release), percent: canary ?? 0, notes: notes.filter((note) => note !== '') }];
};

/** The steps and the promotion after them, each with its mark: done, now, back (the release turned back here) or todo. */
export const path = (release, now) => {
  const back = goingBack.includes(release.phase);
  const unborn = ['preparing', 'refused', 'cancelled'].includes(release.phase);
  const reached = release.steps.findIndex(({ state }) => state !== 'done');
  const inGates = release.phase === 'stepping' && release.waitingFor.what.includes('the hold to end');
  const steps = release.steps.map(({ name, weight, gates }, index) => {
    const here = !unborn && index === reached;
    const mark = here ? (back ? 'back' : 'now') : reached === -1 || index < reached ? 'done' : 'todo';
    const spelled = gates.map((gate) => (mark === 'now' && inGates && gate.startsWith('hold ') && release.waitingFor.until !== undefined ? `${gate}, ${elapsed(Math.ceil((release.waitingFor.until - now) / 1000) * 1000)} left` : gate));
    return { name, weight, gates: spelled, mark };
  });
  const promoted = reached === -1;
  const mark = release.phase === 'completed' ? 'done' : !promoted ? 'todo' : back ? 'back' : 'now';
  return [...steps, { name: 'promote', weight: 100, gates: ['watch', 'stable gets the new version'], mark }];
};

/** `1.4.2 → 1.5.0 (9f3c1a2b)`. */
export const versions = (release, short) => {
  const digest = release.tag === undefined || release.digest === undefined ? '' : ` (${short(release.digest)})`;
  return `${release.from === undefined ? '' : `${versionName(release.from)} → `}${versionName(release)}${digest}`;
};

/** How it ended and why, in one sentence. Only for a release that is over. */
export const endingSentence = (release) => {
  const { outcome, reason, by } = release.ending ?? { outcome: release.phase, reason: '' };
  const after = elapsed((release.endedAt ?? release.startedAt) - release.startedAt);
  const who = by === undefined || by === 'sluice' ? '' : ` (by ${by})`;
  const why = reason === '' ? '' : `: ${reason}`;
  if (outcome === 'completed') return `completed after ${after}: every user is on ${versionName(release)}`;
  if (outcome === 'rolledBack') return `rolled back after ${after}${why}${who}`;
  if (outcome === 'refused') return `refused${why}; nobody met ${versionName(release)}`;
  return `cancelled after ${after}${why}${who}; nobody met ${versionName(release)}`;
};

/** What an abort would do now; undefined when there is nothing left to stop. */
export const whatAbortDoes = (release) => {
  if (isOver(release) || goingBack.includes(release.phase)) return undefined;
  const to = release.from === undefined ? 'the version before' : versionName(release.from);
  if (release.phase === 'preparing') return 'nobody has met the new version';
  if (release.phase === 'settling' || release.phase === 'halted') return `stable gets ${to} back first, users stay where pods are ready`;
  if (!release.exposed) return 'nobody is on the new version';
  return `all users back on ${to} at once`;
};

/** Nothing else is waited for than an answer. */
export const onlyAsks = (release) => release.paused === undefined && release.question !== undefined && release.waitingFor.what === `an answer: ${release.question.question}`;

/** Which group of the fleet a rollout belongs to. */
export const groupOf = (rollout) => {
  if (rollout.needs.length > 0) return 'needs';
  return rollout.release !== undefined && !isOver(rollout.release) ? 'moving' : 'quiet';
};
