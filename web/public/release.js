// The screen for one rollout and its release: the facts of `sluice get`, what can be done about it, the journal beside it.
import { bar, el } from './dom.js';
import { isRoutine, rowWords } from './journal-words.js';
import { endingSentence, hurting, isOver, onlyAsks, path, sides, standing, versions, whatAbortDoes } from './release-words.js';
import { clock, count, elapsed, left, shortDigest, verdictName, versionName } from './words.js';

const signs = { done: '✓', now: '●', back: '↩', todo: '○' };
const markNames = { done: 'done', now: 'now', back: 'turned back here', todo: 'to come' };

const button = (name, words, main) => el('button', { type: 'button', 'data-do': name, 'data-key': name, class: main ? 'main' : undefined }, words);

const fact = (name, ...text) => [el('dt', {}, name), el('dd', {}, ...text)];

const traffic = (release, now) =>
  el(
    'section',
    { class: 'card', 'aria-label': 'Traffic' },
    sides(release, now).map(({ role, version, percent, notes }) =>
      el(
        'div',
        { class: 'side' },
        el('span', { class: 'soft' }, role),
        el('span', {}, version),
        bar(percent, role === 'canary' && hurting(release) ? 'hurt' : role, `${percent} % of users on ${role}`),
        el('span', { class: 'percent' }, `${percent} %`),
        notes.length > 0 && el('span', { class: role === 'canary' && hurting(release) ? 'notes hurt' : 'notes' }, notes.join(' · ')),
      ),
    ),
  );

const steps = (release, now) =>
  el(
    'section',
    { class: 'card', 'aria-label': 'Steps' },
    el(
      'ol',
      { class: 'steps' },
      path(release, now).map(({ name, weight, gates, mark }) =>
        el('li', { class: mark }, el('span', { class: 'sign', role: 'img', 'aria-label': markNames[mark] }, signs[mark]), el('span', {}, name), el('span', { class: 'weight' }, `${weight} %`), el('span', { class: 'gates' }, gates.join(' · '))),
      ),
    ),
  );

const verdicts = (release, now) =>
  release.verdicts.map(({ analysis, kind, why, at, passes, needed, looks }) =>
    fact(
      analysis,
      el('span', { class: kind === 'fail' && hurting(release) ? 'hurt' : kind === 'pass' ? 'good' : undefined }, verdictName(kind)),
      ` · ${passes} passed, ${needed} needed${looks > passes ? ` · ${count(looks, 'look')} in all` : ''}${at === undefined ? '' : ` · the last ${elapsed(now - at)} ago`}`,
      kind !== 'notYet' && el('div', { class: 'soft' }, why),
    ),
  );

const facts = (rollout, release, now) => {
  const { what, since, until } = release.waitingFor;
  const when = until === undefined ? `for ${elapsed(now - since)}` : `until ${clock(until, now)}, ${left(until - now)} left`;
  const abort = whatAbortDoes(release);
  return el(
    'section',
    { class: release.phase === 'halted' ? 'card ask' : 'card', 'aria-label': 'State' },
    release.phase === 'halted' && el('h2', {}, 'Needs you'),
    el(
      'dl',
      { class: 'facts' },
      verdicts(release, now),
      !onlyAsks(release) && (release.paused === undefined ? fact('waiting for', `${what} (${when})`) : fact('paused', `by ${release.paused.by} ${elapsed(now - release.paused.since)} ago: ${release.paused.why}`)),
      release.ending !== undefined && fact('because', release.ending.reason),
      release.next !== '' && fact('next', release.next),
      rollout.waiting.map((version) => fact('afterwards', `${versionName(version)} waits (${version.by}, ${elapsed(now - version.at)} ago)`)),
      fact('started by', `${release.startedBy}, ${clock(release.startedAt, now)}`),
      abort !== undefined && fact('abort', abort),
    ),
    el('div', { class: 'buttons' }, actions(release)),
  );
};

/** What can be done about it now, in the order of how often it is. */
const actions = (release) => {
  const going = ['stepping', 'promoting', 'watching'].includes(release.phase);
  const holding = release.phase === 'stepping' && release.waitingFor.what.includes('the hold to end') && release.paused === undefined;
  return [
    release.phase === 'halted' && button('retry', 'Try again', true),
    going && release.paused !== undefined && button('resume', 'Resume', true),
    holding && button('promote', 'End the hold now'),
    going && release.paused === undefined && button('pause', 'Pause'),
    whatAbortDoes(release) !== undefined && button('abort', 'Abort'),
  ];
};

const question = (release) =>
  release.question !== undefined &&
  el(
    'section',
    { class: 'card ask', 'data-key': 'ask' },
    el('h2', {}, `Step ${release.question.step + 1} asks you`),
    el('p', { class: 'question' }, release.question.question),
    el('p', { class: 'soft' }, `Approved, it goes on: ${release.next}. Rejected, ${whatAbortDoes(release) ?? 'it goes back'}.`),
    el('div', { class: 'buttons' }, button('approve', 'Approve', true), button('reject', 'Reject')),
  );

const ending = (rollout, release) => {
  const quarantined = release.digest !== undefined && rollout.quarantined[release.digest] !== undefined;
  return el(
    'section',
    { class: 'card', 'data-key': 'ending' },
    el('p', { class: 'ended' }, endingSentence(release)),
    quarantined && el('p', { class: 'soft' }, `${versionName(release)} is quarantined: it starts again only by force, `, el('code', {}, `sluice start ${rollout.namespace}/${rollout.name} ${release.tag === undefined ? `--digest ${release.digest}` : `--tag ${release.tag}`} --force`)),
  );
};

const journalRow = (row, now) => {
  const { at, what, who, outcome, state, asks, said } = rowWords(row);
  return el(
    'li',
    {},
    el('time', { datetime: new Date(at).toISOString() }, clock(at, now)),
    el('span', {}, [what, ...(who === '' ? [] : [`by ${who}`]), ...(outcome === '' ? [] : [outcome])].join(', ')),
    said !== '' && el('span', { class: 'below' }, said),
    el('span', { class: 'below' }, [`→ ${state}`, ...(asks.length === 0 ? [] : [`asks: ${asks.join('; ')}`])].join(' · ')),
  );
};

const journal = (rows, now, every) => {
  const shown = rows.filter((row) => every || !isRoutine(row));
  const nothing = rows.length === 0 ? 'Nothing yet.' : 'Only routine looks lately.';
  return el(
    'section',
    { class: 'card', 'aria-label': 'Journal' },
    el('div', { class: 'journal-head' }, el('h2', {}, 'Journal, newest first'), el('button', { type: 'button', class: 'quiet', 'data-do': 'every', 'aria-pressed': String(every) }, every ? 'Hide routine looks' : 'Show every row')),
    shown.length === 0 && el('p', { class: 'soft' }, nothing),
    shown.length > 0 && el('ol', { class: 'journal', tabindex: 0 }, shown.reverse().map((row) => journalRow(row, now))),
  );
};

/** The screen's content. `every`: also the rows of routine looks. `rows` are those of the journal, oldest first; the newest are shown first. */
export const releaseScreen = (rollout, rows, now, every) => {
  const { release } = rollout;
  const name = `${rollout.namespace}/${rollout.name}`;
  if (release === undefined) return [el('h1', { class: 'title' }, name), el('p', { class: 'card' }, 'No release yet. Push an image that a trigger waits for, or ', el('code', {}, `sluice start ${name} --tag <tag>`), '.')];
  return [
    el(
      'div',
      { class: 'title' },
      el('h1', {}, `${name} ${versions(release, shortDigest)}`),
      el('p', { class: 'soft' }, `release ${release.n} · ${standing(release)} · ${isOver(release) ? `${elapsed(now - release.endedAt)} ago` : `running ${elapsed(now - release.startedAt)}`}`),
    ),
    el(
      'div',
      { class: 'columns' },
      el('div', {}, question(release), isOver(release) && ending(rollout, release), traffic(release, now), steps(release, now), !isOver(release) && facts(rollout, release, now)),
      journal(rows, now, every),
    ),
  ];
};
