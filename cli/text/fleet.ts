import type { RolloutView } from '../../statemachines/view.ts';
import type { RolloutsAnswer } from '../answers.ts';
import { endingSentence, groupOf, isOver, seenShare, standing, versions } from '../../web/public/release-words.js';
import { count, elapsed, shortDigest, versionName } from '../../web/public/words.js';
import type { Look } from './look.ts';
import { fit, padEnd, widthOf, wrap } from './measure.ts';

/** All rollouts: what needs somebody first, what is moving second, the rest last. */
export const renderFleet = ({ rollouts, deadLetters, sandbox, now }: RolloutsAnswer, look: Look): string => {
  const { width, colours } = look;
  const name = Math.min(36, Math.max(0, ...rollouts.map((one) => widthOf(full(one)))));
  const row = (rollout: RolloutView): string => `  ${padEnd(fit(full(rollout), name), name)}  ${fit(summary(rollout, now), width - name - 4)}`;
  const group = (title: string, which: ReturnType<typeof groupOf>, after: (rollout: RolloutView) => string[]): string[] => {
    const members = rollouts.filter((rollout) => groupOf(rollout) === which);
    return members.length === 0 ? [] : [colours.bold(title), ...members.flatMap((rollout) => [row(rollout), ...after(rollout)]), ''];
  };
  const asks = (rollout: RolloutView): string[] => rollout.needs.flatMap((need) => wrap(need, width - 6).map((line) => `      ${colours.yellow(line)}`));
  const lines = [
    ...(sandbox ? [colours.dim('this is the sandbox: no real cluster is touched'), ''] : []),
    ...group('needs you', 'needs', asks),
    ...group('moving', 'moving', () => []),
    ...group('quiet', 'quiet', () => []),
    ...(rollouts.length === 0 ? ['no rollouts yet; sluice apply -f rollout.yaml brings the first', ''] : []),
    ...(deadLetters > 0 ? [`${count(deadLetters, 'message')} could not be handled: sluice dead-letters`, ''] : []),
  ];
  return lines.slice(0, -1).join('\n');
};

const full = ({ namespace, name }: RolloutView): string => `${namespace}/${name}`;

const summary = ({ release, stable }: RolloutView, now: number): string => {
  if (release === undefined) return stable === undefined ? 'no release yet' : `${versionName(stable)}, no release yet`;
  if (isOver(release)) return `${versionName(stable ?? release.from)} · ${endingSentence(release)}, ${elapsed(now - (release.endedAt ?? now))} ago`;
  return `${versions(release, shortDigest)} · ${standing(release)} · ${seenShare(release) ?? '?'} % · ${elapsed(now - release.startedAt)}`;
};
