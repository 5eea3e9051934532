import type { RolloutView } from '../../statemachines/view.ts';
import { endingSentence, isOver, seenShare, standing } from '../../web/public/release-words.js';
import { clock, versionName } from '../../web/public/words.js';

/**
 * The frame as one plain line, for logs and pipes. Nothing in it changes by the mere passing of time, so two equal lines mean that
 * nothing happened.
 */
export const renderLine = (rollout: RolloutView): string => {
  const { release } = rollout;
  const name = `${rollout.namespace}/${rollout.name}`;
  if (release === undefined) return `${name}  no release yet`;
  const head = `${name}  release ${release.n}  ${versionName(release)}`;
  if (isOver(release)) return `${head}  ${endingSentence(release)}`;
  const pods = release.fleets.map(({ ready, wanted }) => `${ready}/${wanted} ready`).join(', ');
  const share = seenShare(release);
  const { what, until } = release.waitingFor;
  return [
    head,
    standing(release),
    `canary ${share ?? '?'} %`,
    ...(pods === '' ? [] : [pods]),
    ...release.verdicts.map(({ analysis, kind, passes, needed }) => `${analysis} ${kind} ${passes}/${needed}`),
    `waiting for ${what}${until === undefined ? '' : ` until ${clock(until)}`}`,
  ].join('  ');
};
