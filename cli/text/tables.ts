import type { ReleaseView } from '../../statemachines/view.ts';
import type { PlanView, PlannedWrite } from '../../statemachines/plan.ts';
import type { DeadLetter } from '../../infra/queue/port.ts';
import { endingSentence, isOver, standing } from '../../web/public/release-words.js';
import { clock, count, shortDigest, versionName } from '../../web/public/words.js';
import type { MistakeInFile } from '../exit.ts';
import type { Look } from './look.ts';
import { fit, padEnd, padStart, widthOf, wrap } from './measure.ts';

const widest = (texts: readonly string[], most: number): number => Math.min(most, Math.max(0, ...texts.map(widthOf)));

/** `rollout.yaml:14:7   steps[2].wieght   unknown field; did you mean ...`, one line each, and a closing line. */
export const renderMistakes = (mistakes: readonly MistakeInFile[], closing: string): string => {
  const places = mistakes.map(({ file = 'definition', line, column }) => `${file}:${line}:${column}`);
  const fields = mistakes.map(({ field }) => field.replace(/^spec\./, ''));
  const [place, field] = [widest(places, 60), widest(fields, 40)];
  const lines = mistakes.map(({ message }, at) => [padEnd(places[at] ?? '', place), ...(field === 0 ? [] : [padEnd(fields[at] ?? '', field)]), message].join('   '));
  return [...lines, `${count(mistakes.length, 'mistake')}, ${closing}`].join('\n');
};

/** Every write of a release before the first one is made. */
export const renderPlan = (plan: PlanView, { width, colours }: Look): string => {
  const writes = [...plan.steps.flatMap((step) => step.writes), ...plan.back];
  const name = widest(plan.steps.map((step) => step.name), 20);
  const kind = widest(writes.map((write) => write.kind), 24);
  const object = widest(writes.map((write) => write.object), 30);
  const indent = ` ${' '.repeat(name)}  `;
  const written = ({ verb, kind: of, object: on, change }: PlannedWrite): string[] => {
    const head = `${padEnd(verb, 6)}  ${padEnd(fit(of, kind), kind)}  ${padEnd(fit(on, object), object)}`;
    const room = width - widthOf(indent) - widthOf(head) - 2;
    // A narrow terminal gets the change on lines of its own rather than a part of it.
    return room >= widthOf(change) ? [`${head}  ${change}`] : [head.trimEnd(), ...wrap(change, Math.max(20, width - widthOf(indent) - 8)).map((line) => `        ${line}`)];
  };
  const total = plan.steps.reduce((sum, step) => sum + step.writes.length, 0);
  const steps = plan.steps.flatMap((step) => {
    const lines = step.writes.length === 0 ? ['no write'] : step.writes.flatMap(written);
    return lines.map((line, at) => (at === 0 ? ` ${colours.bold(padEnd(fit(step.name, name), name))}  ` : indent) + line);
  });
  return [
    `${plan.namespace}/${plan.name} ${plan.to} over ${plan.from}: ${count(plan.steps.length, 'stage')}, ${count(total, 'write')}, widest need ${count(plan.widest, 'pod')}`,
    '',
    ...steps,
    '',
    `from any step back: ${count(plan.back.length, 'write')}`,
    ...plan.back.flatMap(written).map((line) => indent + line),
    ...(plan.problems.length === 0 ? [] : ['', colours.bold('this release would be refused:'), ...plan.problems.flatMap((problem) => wrap(problem, width - 2).map((line) => `  ${line}`))]),
  ].join('\n');
};

/** One line a release, newest first. */
export const renderHistory = (releases: readonly ReleaseView[], now: number, { width }: Look): string => {
  if (releases.length === 0) return 'no releases yet';
  const versions = releases.map((release) => `${versionName(release)}${release.tag === undefined || release.digest === undefined ? '' : ` (${shortDigest(release.digest)})`}`);
  const version = widest(versions, 34);
  return releases
    .map((release, at) => {
      const head = `${padStart(String(release.n), 4)}  ${clock(release.startedAt, now)}  ${padEnd(fit(versions[at] ?? '', version), version)}  `;
      const text = isOver(release) ? endingSentence(release) : standing(release);
      return wrap(`${text}; started by ${release.startedBy}`, Math.max(20, width - widthOf(head)))
        .map((line, row) => (row === 0 ? head : ' '.repeat(widthOf(head))) + line)
        .join('\n');
    })
    .join('\n');
};

/** Messages that could not be handled, each with its reason. */
export const renderDeadLetters = (letters: readonly DeadLetter[], now: number, { width }: Look): string => {
  if (letters.length === 0) return 'none: every message was handled';
  return letters
    .flatMap(({ id, at, reason, message }) => {
      const what = 'raw' in message ? `raw text from ${message.source}: ${message.raw}` : `${message.body.type} for ${message.group ?? 'no document'}`;
      return [`${id}  ${clock(at, now)}  ${fit(what, Math.max(20, width - widthOf(id) - 24))}`, ...wrap(reason, width - 2).map((line) => `  ${line}`)];
    })
    .join('\n');
};
