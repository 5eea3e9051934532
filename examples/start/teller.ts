import pc from 'picocolors';
import type { ReleaseView } from '../../statemachines/view.ts';
import type { Felt } from './visitors.ts';

const started = Date.now();

/** One line of the story, with the time since it began. */
export const tell = (text: string): void => {
  process.stdout.write(`${pc.dim(`+${((Date.now() - started) / 1000).toFixed(1).padStart(4)} s`)}  ${text}\n`);
};

/** `1.0.0 820, 1.1.0 40 (12 errors)`. */
export const spellFelt = ({ versions, lost }: Felt): string => {
  const by = Object.entries(versions)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, statuses]) => {
      const all = Object.values(statuses).reduce((sum, n) => sum + n, 0);
      const bad = Object.entries(statuses).reduce((sum, [status, n]) => (status.startsWith('5') ? sum + n : sum), 0);
      return `${version} ${all}${bad > 0 ? pc.red(` (${bad} errors)`) : ''}`;
    });
  return `${by.join(', ')}; ${lost} lost`;
};

const scene = (view: ReleaseView): string | undefined => {
  const version = view.tag ?? '?';
  const users = `${view.seen[0]?.canary ?? 0} % of users`;
  const step = view.steps[Math.min(view.steps.length - 1, view.steps.findIndex(({ state }) => state === 'current'))];
  if (view.phase === 'preparing') return `${pc.bold(version)} arrived; looking at the cluster before anything is written`;
  if (view.phase === 'stepping' && view.waitingFor.what.startsWith('the pods')) return `pods of ${version} are starting; no user moves before they are ready`;
  if (view.phase === 'stepping' && view.waitingFor.what.startsWith('the hold')) return `${users} on ${version} (step ${step?.name ?? ''})`;
  if (view.phase === 'watching') return `all users on ${version}; ${view.from?.tag ?? 'the old version'} stays up, one write away`;
  if (view.phase === 'settling') return `stable gets ${version}; then its users come back to it`;
  if (view.phase === 'rollingBack') return pc.yellow(`every user goes back: ${view.ending?.reason ?? ''}`);
  if (view.phase === 'completed') return pc.green(`${version} is stable now`);
  if (view.phase === 'rolledBack') return pc.yellow(`${version} was rolled back after ${(((view.endedAt ?? view.startedAt) - view.startedAt) / 1000).toFixed(1)} s: ${view.ending?.reason ?? ''}`);
  return view.endedAt === undefined ? undefined : `${version}: ${view.phase}, ${view.ending?.reason ?? ''}`;
};

/** Tells what a release does, once for each thing that a person would call new. */
export const teller = (): ((view: ReleaseView, felt: Felt) => void) => {
  let last = '';
  return (view, felt) => {
    const text = scene(view);
    if (text === undefined || `${view.n} ${text}` === last) return;
    last = `${view.n} ${text}`;
    tell(`${text}  ${pc.dim(`[${spellFelt(felt)}]`)}`);
  };
};
