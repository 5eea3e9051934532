// The screen for all rollouts: what needs somebody first, what moves second, the rest folded.
import { el } from './dom.js';
import { endingSentence, groupOf, hurting, isOver, seenShare, standing, versions } from './release-words.js';
import { count, elapsed, shortDigest, versionName } from './words.js';

const what = ({ release, stable }, now) => {
  if (release === undefined) return stable === undefined ? 'no release yet' : versionName(stable);
  if (isOver(release)) return `${versionName(stable ?? release.from)} · ${endingSentence(release)}, ${elapsed(now - release.endedAt)} ago`;
  return `${versions(release, shortDigest)} · ${standing(release)} · running ${elapsed(now - release.startedAt)}`;
};

const share = ({ release }) => {
  if (release === undefined || isOver(release)) return '';
  const percent = seenShare(release);
  return el('span', { class: hurting(release) ? 'hurt' : undefined }, `${percent ?? '?'} % on the new version${hurting(release) ? ', failing' : ''}`);
};

const row = (rollout, now) =>
  el(
    'li',
    { 'data-key': `${rollout.namespace}/${rollout.name}` },
    el(
      'a',
      { href: `#/${encodeURIComponent(rollout.namespace)}/${encodeURIComponent(rollout.name)}`, 'data-row': '' },
      el('span', { class: 'name' }, `${rollout.namespace}/${rollout.name}`),
      el('span', { class: 'what' }, what(rollout, now)),
      share(rollout),
      rollout.needs.map((need) => el('span', { class: 'need' }, need)),
    ),
  );

const group = (rollouts, now) => el('ul', { class: 'group fleet' }, rollouts.map((rollout) => row(rollout, now)));

/** The screen's content. `answer` is that of GET /api/rollouts, `now` the server's time at this moment. */
export const fleetScreen = (answer, now) => {
  const of = (which) => answer.rollouts.filter((rollout) => groupOf(rollout) === which);
  const [needs, moving, quiet] = [of('needs'), of('moving'), of('quiet')];
  const needsAny = needs.length > 0 || answer.deadLetters > 0;
  return [
    el('h1', { class: 'title' }, needsAny ? 'Needs you' : moving.length > 0 ? 'Nothing needs you' : 'All is quiet'),
    needs.length > 0 && group(needs, now),
    answer.deadLetters > 0 && el('p', { class: 'card ask' }, `${count(answer.deadLetters, 'message')} could not be handled. `, el('code', {}, 'sluice dead-letters'), ' says which and why.'),
    moving.length > 0 && el('h2', {}, 'Moving'),
    moving.length > 0 && group(moving, now),
    quiet.length > 0 && el('details', { 'data-key': 'quiet', open: !needsAny && moving.length === 0 }, el('summary', {}, `${count(quiet.length, 'rollout')} at rest`), group(quiet, now)),
    answer.rollouts.length === 0 && el('p', { class: 'card' }, 'No rollouts yet. ', el('code', {}, 'sluice apply -f rollout.yaml'), ' brings the first.'),
  ];
};
