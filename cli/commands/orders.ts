import { InvalidArgumentError, type Command } from 'commander';
import type { CommandAnswer, RolloutAnswer } from '../answers.ts';
import { exitCodes, Failure, type ExitCode } from '../exit.ts';
import { fullName, rolloutPath, type RolloutName } from '../names.ts';
import type { Registrar, Session } from '../session.ts';
import { harmless } from '../text/measure.ts';
import { phaseName } from '../../web/public/words.js';

/** Sends an order and says what became of it. */
export const order = async ({ api, output }: Session, name: RolloutName, command: { readonly type: string } & Readonly<Record<string, unknown>>, done: string): Promise<ExitCode> => {
  const answer = await api.send<CommandAnswer>('POST', `${rolloutPath(name)}/commands`, command);
  const said = answer.said === undefined ? '' : `: ${answer.said}`;
  if (answer.outcome === undefined) {
    output.show(answer, () => `${fullName(name)}: accepted, not judged yet; sluice events ${fullName(name)} shows what becomes of it`);
    return exitCodes.ok;
  }
  if (answer.outcome === 'moved') {
    output.show(answer, () => `${fullName(name)}: ${done}${harmless(said)}`);
    return exitCodes.ok;
  }
  const why = said === '' ? await whyNot(api, name, command.type) : said;
  output.show(answer, () => `${fullName(name)}: ${command.type} had no effect${harmless(why)}`);
  return exitCodes.noEffect;
};

const whyNot = async (api: Session['api'], name: RolloutName, type: string): Promise<string> => {
  const release = await api.get<RolloutAnswer>(rolloutPath(name)).then(({ rollout }) => rollout.release, () => undefined);
  return release === undefined ? '' : `: release ${release.n} is ${phaseName(release.phase)}${release.paused === undefined ? '' : ' and paused'}, where ${type} means nothing`;
};

const percent = (text: string): number => {
  const weight = Number(text.replace(/\s*%$/, ''));
  if (!Number.isInteger(weight) || weight < 0 || weight > 100 || text.trim() === '') throw new InvalidArgumentError('a whole percentage, 0 to 100.');
  return weight;
};

/** Orders to a running release, and unlock. */
export const orderCommands = (registrar: Registrar): void => {
  const { run } = registrar;
  const command = (name: string, summary: string, description: string, examples: readonly string[]): Command =>
    registrar.program.command(name).argument('<name>', 'name or namespace/name').summary(summary).description(description).addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`);

  const plain = (type: string, done: string, made: Command): Command => run(made, async (session, [name = '']) => order(session, await session.named(name), { type }, done));
  plain('promote', 'the hold is over', command('promote', 'end the hold of the present step', 'Ends the hold of the present step now. Analyses and approvals of the step still have to come.', ['sluice promote demo']));
  plain('pause', 'paused', command('pause', 'stop going up', 'Pauses the release: nothing that raises exposure is begun, and the clock of a hold stands still. Users stay where they are.', ['sluice pause demo']));
  plain('resume', 'going on', command('resume', 'go on after a pause', 'Goes on after a pause, whoever made it.', ['sluice resume demo']));
  plain('skip', 'the step is skipped', command('skip', 'leave the present step', 'Leaves the present step without waiting for its gates and goes on with the next one.', ['sluice skip demo']));
  plain('retry', 'trying again', command('retry', 'try again', 'Lets a halted release try again, or starts the last version again when no release is under way.', ['sluice retry demo']));

  run(
    command('jump', 'go to a step', 'Goes to a step, forward or back, and begins it afresh.', ['sluice jump demo 2', 'sluice jump demo ratio-50']).argument('<step>', 'its number, counted from 1, or its name'),
    async (session, [name = '', step = '']) => {
      const rollout = await session.named(name);
      const index = await stepIndex(session, rollout, step);
      return order(session, rollout, { type: 'jump', step: index }, `on the way to step ${index + 1}`);
    },
  );
  run(
    command('set-weight', 'set the share of users on the new version', 'Sets the share of users on the new version by hand, within the present step. Going up, pods come first; the clock of the hold begins afresh.', ['sluice set-weight demo 40']).argument(
      '<percent>',
      'whole percent, 0 to 100',
      percent,
    ),
    async (session, [name = '', weight = '']) => order(session, await session.named(name), { type: 'setWeight', weight: percent(weight) }, `on the way to ${percent(weight)} %`),
  );
  run<{ reason: string }>(
    command('abort', 'take every user back to stable', 'Takes every user back to stable at once, from wherever the release is, then takes the new version away.', ['sluice abort demo', 'sluice abort demo --reason "prices are wrong"']).option(
      '--reason <text>',
      'why; it is kept in the journal',
      'by hand',
    ),
    async (session, [name = ''], { reason }) => order(session, await session.named(name), { type: 'abort', reason }, 'going back, every user returns to stable'),
  );
  for (const [type, summary, done] of [
    ['approve', 'answer yes to what a release asks', 'approved'],
    ['reject', 'answer no to what a release asks, and go back', 'rejected, going back'],
  ] as const)
    run<{ comment?: string }>(
      command(type, summary, `${type === 'approve' ? 'Answers yes' : 'Answers no'} to the question that the release asks at present. The answer counts for this step of this release only.`, [
        `sluice ${type} demo`,
        `sluice ${type} demo --comment "${type === 'approve' ? 'numbers look fine' : 'wrong prices'}"`,
      ]).option('--comment <text>', 'a word with the answer; it is kept in the journal'),
      async (session, [name = ''], { comment }) => answer(session, await session.named(name), type, comment, done),
    );
  run<{ reason: string }>(
    command('unlock', 'give a rollout free although its release has not ended', 'Gives a rollout free although its release has not ended, so that another one can start. The release is not undone: look at its routes and pods first.', [
      'sluice unlock demo --reason "release 6 was removed by hand"',
    ]).requiredOption('--reason <text>', 'why; it is kept in the journal'),
    async (session, [name = ''], { reason }) => order(session, await session.named(name), { type: 'unlock', reason }, 'unlocked'),
  );
};

/** The index, from 0, of a step given by its number, from 1, or its name. */
const stepIndex = async ({ api }: Session, name: RolloutName, text: string): Promise<number> => {
  const steps = (await api.get<RolloutAnswer>(rolloutPath(name))).rollout.release?.steps ?? [];
  const index = steps.findIndex((step) => step.name === text);
  if (index >= 0) return index;
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= steps.length) return Number(text) - 1;
  const known = steps.map((step, at) => `${at + 1} ${step.name}`).join(', ');
  throw new Failure(exitCodes.usage, 'noSuchStep', steps.length === 0 ? `${fullName(name)} has no release, so no steps to jump to` : `there is no step ${JSON.stringify(text)}; the steps are ${known}`);
};

/** The answer names the release, step and question that were read, so that it can never count for another one. */
const answer = async (session: Session, name: RolloutName, type: 'approve' | 'reject', comment: string | undefined, done: string): Promise<ExitCode> => {
  const { release } = (await session.api.get<RolloutAnswer>(rolloutPath(name))).rollout;
  if (release?.question === undefined) {
    session.output.note(`${fullName(name)} asks nothing at present`);
    return exitCodes.noEffect;
  }
  const { step, question } = release.question;
  session.output.note(`release ${release.n}, step ${step + 1}: ${question}`);
  return order(session, name, { type, release: release.n, step, question, ...(comment === undefined ? {} : { comment }) }, done);
};
