import { InvalidArgumentError } from 'commander';
import type { HistoryAnswer, ReplayAnswer, RolloutAnswer, RolloutsAnswer, RowsAnswer } from '../answers.ts';
import { exitCodes } from '../exit.ts';
import { followRollout } from '../follow.ts';
import { liveView } from '../live.ts';
import { fullName, rolloutPath } from '../names.ts';
import type { Registrar, Session } from '../session.ts';
import { renderFleet } from '../text/fleet.ts';
import { renderFrame } from '../text/frame.ts';
import { renderRow } from '../text/journal.ts';
import { harmlessAll } from '../text/measure.ts';
import { renderHistory } from '../text/tables.ts';
import { poll, watchRollout } from '../watch.ts';
import { count } from '../../web/public/words.js';

/** The fleet is asked for this often while it is watched. */
const fleetEveryMs = 2_000;

const wholeNumber = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number, 0 or more.');
  return Number(text);
};

/** Commands that look and change nothing: get, history, events, replay. */
export const lookingCommands = ({ program, run }: Registrar): void => {
  run<{ watch?: boolean }>(
    program
      .command('get')
      .argument('[name]', 'name or namespace/name; without it, all rollouts')
      .summary('show one rollout, or all')
      .description('Shows a rollout: who meets which version, the steps, the verdicts, what it waits for and what comes next. Without a name all rollouts, those that need somebody first.')
      .option('-w, --watch', 'keep showing it as it changes, until Ctrl-C')
      .addHelpText('after', '\nExamples:\n  sluice get\n  sluice get demo -w\n  sluice get pro/demo --json'),
    async (session, [text], { watch }) => {
      if (text === undefined) return watch === true ? watchFleet(session) : session.output.show(await session.api.get<RolloutsAnswer>('/api/rollouts'), renderFleet);
      const name = await session.named(text);
      if (watch === true) await followRollout(session, name, () => false);
      else session.output.show(await session.api.get<RolloutAnswer>(rolloutPath(name)), ({ rollout, now }, look) => renderFrame(rollout, now, look));
    },
  );

  run(
    program
      .command('history')
      .argument('<name>', 'name or namespace/name')
      .summary('list the releases of a rollout')
      .description('Lists the releases of a rollout, newest first: version, how it ended, why, and who started it.')
      .addHelpText('after', '\nExamples:\n  sluice history demo\n  sluice history pro/demo --json'),
    async ({ api, output, named }, [text = '']) => {
      const answer = await api.get<HistoryAnswer>(`${rolloutPath(await named(text))}/history`);
      output.show(answer, ({ releases }, look) => renderHistory(releases, Date.now(), look));
    },
  );

  run<{ release?: number; watch?: boolean }>(
    program
      .command('events')
      .argument('<name>', 'name or namespace/name')
      .summary('show the journal of a release')
      .description('Shows the journal: everything that arrived, who sent it, what became of it, and what was done. Each row is judged again by replay.')
      .option('-r, --release <n>', 'the release; 0 is the rollout itself, without it the newest release', wholeNumber)
      .option('-w, --watch', 'keep showing rows as they come, until Ctrl-C')
      .addHelpText('after', '\nExamples:\n  sluice events demo\n  sluice events demo --release 6\n  sluice events demo -w'),
    async (session, [text = ''], { release, watch }) => showEvents(session, text, release, watch === true),
  );

  run<{ release?: number }>(
    program
      .command('replay')
      .argument('<name>', 'name or namespace/name')
      .summary('judge a release again from its journal')
      .description('Feeds the journal of a release through the machine again and compares every state. Ends with 1 at the first difference.')
      .option('-r, --release <n>', 'the release; without it the newest', wholeNumber)
      .addHelpText('after', '\nExamples:\n  sluice replay demo\n  sluice replay demo --release 6'),
    async ({ api, output, named }, [text = ''], { release }) => {
      const name = await named(text);
      const n = release ?? (await api.get<RolloutAnswer>(rolloutPath(name))).rollout.release?.n;
      if (n === undefined) {
        output.note(`${fullName(name)} has no release yet: nothing to replay`);
        return exitCodes.noEffect;
      }
      const answer = await api.get<ReplayAnswer>(`${rolloutPath(name)}/releases/${n}/replay`);
      output.show(answer, (it) =>
        it.ok
          ? `release ${n} of ${fullName(name)}: ${count(it.rows, 'row')}, the same states as then`
          : `release ${n} of ${fullName(name)} differs at version ${it.version}\n  then  ${JSON.stringify(it.expected)}\n  now   ${JSON.stringify(it.reached)}`,
      );
      return answer.ok ? exitCodes.ok : exitCodes.failed;
    },
  );
};

const watchFleet = async ({ io, api, output }: Session): Promise<void> => {
  const answers = poll(() => api.get<RolloutsAnswer>('/api/rollouts'), fleetEveryMs, io.leave);
  let last = '';
  let frame = 'connecting ...';
  const view = output.live ? liveView(io.out, output.look, () => frame) : undefined;
  try {
    for await (const event of answers) {
      if ('trouble' in event) {
        if (view === undefined) output.note(`not live, trying again: ${event.trouble}`);
        else frame = `${last}\n\nnot live, trying again`;
        continue;
      }
      if (view !== undefined) frame = last = renderFleet(harmlessAll(event.answer), output.look());
      else if (JSON.stringify(event.answer.rollouts) !== last) {
        last = JSON.stringify(event.answer.rollouts);
        output.showOneOfMany(event.answer, (answer, look) => `${renderFleet(answer, look)}\n`);
      }
    }
  } finally {
    view?.close();
  }
};

const showEvents = async ({ io, api, output, named }: Session, text: string, release: number | undefined, watch: boolean): Promise<void> => {
  const name = await named(text);
  const ask = (after: number): Promise<RowsAnswer> => api.get(`${rolloutPath(name)}/events?${release === undefined ? '' : `release=${release}&`}after=${after}`);
  const show = (rows: RowsAnswer['rows'], each: boolean): void => {
    if (each) for (const row of rows) output.showOneOfMany(row, (one, look) => renderRow(one, Date.now(), look));
    else output.show({ rows }, (answer, look) => (answer.rows.length === 0 ? 'no rows yet' : answer.rows.map((row) => renderRow(row, Date.now(), look)).join('\n')));
  };
  let seen = 0;
  /** The server gives the journal in portions. */
  const showFrom = async (each: boolean): Promise<void> => {
    const all: RowsAnswer['rows'][number][] = [];
    for (;;) {
      const { rows } = await ask(seen);
      all.push(...rows);
      if (rows.length === 0) break;
      seen = rows.reduce((most, { version }) => Math.max(most, version), seen);
    }
    if (all.length > 0 || !each) show(all, each);
  };
  await showFrom(watch);
  if (!watch) return;
  // The watch tells that something came; what came is asked for, so that no row is missed or shown twice when it breaks.
  for await (const event of watchRollout(api, name, io.leave)) if ('answer' in event) await showFrom(true);
};
