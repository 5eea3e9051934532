import type { ReleaseView, RolloutView } from '../../statemachines/view.ts';
import { endingSentence, hurting, isOver, onlyAsks, path, sides, standing, versions, whatAbortDoes, type PathStep, type Side } from '../../web/public/release-words.js';
import { clock, count, elapsed, left, shortDigest, verdictName, versionName } from '../../web/public/words.js';
import type { Look } from './look.ts';
import { fit, padEnd, padStart, widthOf, wrap } from './measure.ts';

const margin = '  ';
const labelWidth = 14;
/** Steps shown around the present one; a longer way is cut. */
const stepsShown = 9;
const notesRoom = 28;

/** What people see of a rollout and its release, as lines that fit `look.width`. `now` is the server's time. Pure. */
export const renderFrame = (rollout: RolloutView, now: number, look: Look): string => {
  const { release } = rollout;
  const lines = release === undefined ? idle(rollout, look) : frameOf(rollout, release, now, look);
  return [...lines, ...afterwards(rollout, now, look)].join('\n');
};

const idle = (rollout: RolloutView, look: Look): string[] => [
  look.colours.bold(fit(`${rollout.name} · ${rollout.namespace} · no release yet`, look.width)),
  '',
  ...labelled('start it', `sluice start ${rollout.namespace}/${rollout.name} --tag <tag>, or push an image that a trigger waits for`, look),
];

const frameOf = (rollout: RolloutView, release: ReleaseView, now: number, look: Look): string[] => [
  ...header(rollout, release, now, look),
  '',
  ...traffic(sides(release, now), hurting(release), look),
  '',
  ...steps(path(release, now), look),
  '',
  ...(isOver(release) ? [] : verdicts(release, now, look)),
  ...(isOver(release) ? ending(rollout, release, look) : waiting(rollout, release, now, look)),
];

const header = (rollout: RolloutView, release: ReleaseView, now: number, { width, colours }: Look): string[] => {
  const left = `${rollout.name} · ${rollout.namespace} · release ${release.n} · ${versions(release, shortDigest)}`;
  const spent = elapsed((release.endedAt ?? now) - release.startedAt);
  const right = isOver(release) ? `${standing(release)}, ${elapsed(now - (release.endedAt ?? now))} ago` : `${standing(release)} · running ${spent}`;
  const gap = width - widthOf(left) - widthOf(right);
  if (gap >= 3) return [colours.bold(left) + ' '.repeat(gap) + right];
  return [...wrap(left, width).map(colours.bold), fit(right, width)];
};

const traffic = (rows: readonly Side[], hurt: boolean, { width, colours }: Look): string[] => {
  const version = Math.min(24, width - 28, Math.max(...rows.map((row) => widthOf(row.version))));
  const fixed = margin.length + 'stable  '.length + version + 2 + '  100 %  '.length;
  // Room for the notes does not depend on what they say now, or the bars would jump.
  const bar = Math.max(6, Math.min(30, width - fixed - notesRoom));
  const canary = rows.find(({ role }) => role === 'canary')?.percent ?? 0;
  const onCanary = canary === 0 ? 0 : Math.max(1, Math.round((bar * canary) / 100));
  return rows.map(({ role, version: name, percent, notes }) => {
    const filled = role === 'canary' ? onCanary : bar - onCanary;
    const paint = role === 'stable' ? colours.blue : hurt ? colours.red : colours.cyan;
    const head = `${margin}${role}  ${padEnd(fit(name, version), version)}  `;
    const share = `${padStart(`${percent} %`, 5)}`;
    const room = width - widthOf(head) - bar - 2 - widthOf(share) - 2;
    const tail = fit(notes.join(' · '), room);
    return `${head}${paint('█'.repeat(filled))}${colours.dim('░'.repeat(bar - filled))}  ${share}${tail === '' ? '' : `  ${role === 'canary' && hurt ? colours.red(tail) : tail}`}`;
  });
};

const signs = { done: '✓', now: '●', back: '↩', todo: '○' } as const;

const steps = (all: readonly PathStep[], look: Look): string[] => {
  const { width, colours } = look;
  const here = Math.max(0, all.findIndex(({ mark }) => mark === 'now' || mark === 'back'));
  const first = Math.max(0, Math.min(here - Math.floor(stepsShown / 2), all.length - stepsShown));
  const shown = all.slice(first, first + stepsShown);
  const name = Math.min(30, width - 14, Math.max(...shown.map((step) => widthOf(step.name))));
  const lines = shown.map((step) => {
    const head = `${signs[step.mark]} ${padEnd(fit(step.name, name), name)}  ${padStart(`${step.weight} %`, 5)}`;
    const gates = fit(step.gates.join(' · '), width - margin.length - widthOf(head) - 3);
    if (step.mark === 'now' || step.mark === 'back') return `${margin}${colours.bold(head)}${gates === '' ? '' : `   ${gates}`}`;
    const line = `${head}${gates === '' ? '' : `   ${gates}`}`;
    return `${margin}${step.mark === 'done' ? colours.green(signs.done) + line.slice(1) : colours.dim(line)}`;
  });
  const cut = (n: number, where: string): string[] => (n > 0 ? [colours.dim(`${margin}… ${n} ${where}`)] : []);
  return [...cut(first, 'before'), ...lines, ...cut(all.length - first - shown.length, 'after')];
};

/** `label   text`, the text wrapped beside its label. */
const labelled = (label: string, text: string, { width, colours }: Look, paint: (text: string) => string = (plain) => plain): string[] =>
  wrap(text, width - margin.length - labelWidth).map((line, at) => `${margin}${colours.dim(padEnd(at === 0 ? fit(label, labelWidth - 2) : '', labelWidth))}${paint(line)}`);

const verdicts = (release: ReleaseView, now: number, look: Look): string[] =>
  release.verdicts.flatMap(({ analysis, kind, why, at, passes, needed, looks }) => [
    ...labelled(
      analysis,
      [verdictName(kind), `${passes} passed, ${needed} needed`, ...(looks > passes ? [`${count(looks, 'look')} in all`] : []), ...(at === undefined ? [] : [`the last ${elapsed(now - at)} ago`])].join(' · '),
      look,
      kind === 'fail' && hurting(release) ? look.colours.red : kind === 'pass' ? look.colours.green : undefined,
    ),
    ...(kind === 'notYet' ? [] : labelled('', why, look)),
    '',
  ]);

const waiting = (rollout: RolloutView, release: ReleaseView, now: number, look: Look): string[] => {
  const { what, since, until } = release.waitingFor;
  const when = until === undefined ? `for ${elapsed(now - since)}` : `until ${clock(until, now)}, ${left(until - now)} left`;
  const full = `${rollout.namespace}/${rollout.name}`;
  const abort = whatAbortDoes(release);
  return [
    ...(onlyAsks(release) ? [] : release.paused === undefined ? labelled('waiting for', `${what} (${when})`, look) : labelled('paused', `by ${release.paused.by} ${elapsed(now - release.paused.since)} ago: ${release.paused.why}`, look)),
    ...(release.ending === undefined ? [] : labelled('because', release.ending.reason, look)),
    ...(release.next === '' ? [] : labelled('next', release.next, look)),
    ...labelledAsks(rollout, release, now, look),
    ...(abort === undefined ? [] : labelled('stop it', `sluice abort ${full}   (${abort})`, look)),
  ];
};

const labelledAsks = (rollout: RolloutView, release: ReleaseView, now: number, look: Look): string[] => {
  const full = `${rollout.namespace}/${rollout.name}`;
  const { yellow } = look.colours;
  if (release.question !== undefined)
    return [...labelled('asks you', `${release.question.question} (for ${elapsed(now - release.waitingFor.since)})`, look, yellow), ...labelled('', `sluice approve ${full}   or   sluice reject ${full}`, look, yellow)];
  if (release.phase === 'halted') return labelled('needs you', `sluice retry ${full}   or   sluice abort ${full}`, look, yellow);
  return release.paused === undefined ? [] : labelled('go on', `sluice resume ${full}`, look, yellow);
};

const ending = (rollout: RolloutView, release: ReleaseView, { width, colours }: Look): string[] => {
  const good = release.ending?.outcome === 'completed';
  const sentence = wrap(endingSentence(release), width - margin.length).map((line) => margin + (good ? colours.green(line) : colours.bold(line)));
  const quarantined = release.digest !== undefined && rollout.quarantined[release.digest] !== undefined;
  const insist = `${versionName(release)} is quarantined: it starts again only by   sluice start ${rollout.namespace}/${rollout.name} ${release.tag === undefined ? `--digest ${release.digest ?? ''}` : `--tag ${release.tag}`} --force`;
  return [...sentence, ...(quarantined ? ['', ...wrap(insist, width - margin.length).map((line) => colours.dim(margin + line))] : [])];
};

/** Versions that come after this release. */
const afterwards = (rollout: RolloutView, now: number, look: Look): string[] =>
  rollout.waiting.flatMap((version) => labelled('afterwards', `${versionName(version)} waits (${version.by}, ${elapsed(now - version.at)} ago)`, look));
