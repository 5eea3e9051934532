import type { AppliedAnswer, LintAnswer, PlanAnswer } from '../answers.ts';
import { exitCodes, Failure, type MistakeInFile } from '../exit.ts';
import { readFiles, type DefinitionFile } from '../files.ts';
import { imageReference } from '../image.ts';
import { fullName } from '../names.ts';
import type { Registrar, Session } from '../session.ts';
import { renderMistakes, renderPlan } from '../text/tables.ts';
import { count } from '../../web/public/words.js';

/** Commands about definitions: lint, apply, plan. */
export const definitionCommands = ({ program, run }: Registrar): void => {
  run<{ file: string[] }>(
    program
      .command('lint')
      .summary('find the mistakes in definitions')
      .description('Finds the mistakes in definitions, each with its line and column. Nothing is changed.')
      .requiredOption('-f, --file <file...>', 'definitions in YAML or JSON; - reads stdin')
      .addHelpText('after', '\nExamples:\n  sluice lint -f rollout.yaml\n  sluice lint -f a.yaml -f b.yaml\n  kustomize build . | sluice lint -f -'),
    async (session, _args, { file }) => {
      const files = await readFiles(file, session.io);
      const answer = await lintAll(session, files);
      session.output.show(answer, (it) =>
        it.ok ? it.rollouts.map((rollout) => `${fullName(rollout)}: no mistakes`).join('\n') : renderMistakes(it.mistakes, `${count(files.length, 'file')} looked at`),
      );
      return answer.ok ? exitCodes.ok : exitCodes.mistakes;
    },
  );

  run<{ file: string[] }>(
    program
      .command('apply')
      .summary('create or change rollouts')
      .description('Creates or changes the rollouts that the files define. With a mistake in any of the files nothing is changed. A release under way keeps the definition it was started with.')
      .requiredOption('-f, --file <file...>', 'definitions in YAML or JSON; - reads stdin')
      .addHelpText('after', '\nExamples:\n  sluice apply -f rollout.yaml\n  sluice apply -f - < rollout.yaml'),
    async (session, _args, { file }) => {
      const files = await readFiles(file, session.io);
      const looked = await lintAll(session, files);
      if (!looked.ok) throw new Failure(exitCodes.mistakes, 'mistakes', `${count(looked.mistakes.length, 'mistake')}, nothing was changed`, looked.mistakes);
      for (const one of files) {
        const answer = await inFile(one, () => session.api.send<AppliedAnswer>('PUT', '/api/rollouts', { text: one.text }));
        session.output.showOneOfMany(answer, ({ applied }) => applied.map((rollout) => `${fullName(rollout)} ${rollout.created ? 'created' : 'changed'}`).join('\n'));
      }
    },
  );

  run<{ file?: string; image?: string }>(
    program
      .command('plan')
      .argument('[name]', 'a rollout that is there already')
      .summary('show every write of a release before it is made')
      .description('Shows every write of a release, in order, the way back, and the pods it needs. Nothing is changed. Ends with 1 when the release would be refused.')
      .option('-f, --file <file>', 'a definition that need not be applied; - reads stdin')
      .option('--image <image>', 'the version to plan for, e.g. registry.example.com/team/demo:1.5.0')
      .addHelpText('after', '\nExamples:\n  sluice plan pro/demo --image registry.example.com/team/demo:1.5.0\n  sluice plan -f rollout.yaml'),
    async (session, [name], { file, image }) => {
      if ((name === undefined) === (file === undefined)) throw new Failure(exitCodes.usage, 'planOfWhat', 'plan takes a NAME or -f FILE, one of the two');
      if (image !== undefined) imageReference(image);
      const [read] = file === undefined ? [] : await readFiles([file], session.io);
      const what = read === undefined ? { rollout: fullName(await session.named(name ?? '')) } : { text: read.text };
      const answer = await inFile(read, () => session.api.send<PlanAnswer>('POST', '/api/plan', { ...what, ...(image === undefined ? {} : { image }) }));
      session.output.show(answer, ({ plan }, look) => renderPlan(plan, look));
      return answer.plan.problems.length === 0 ? exitCodes.ok : exitCodes.failed;
    },
  );
};

type Looked = { readonly ok: true; readonly rollouts: readonly { readonly namespace: string; readonly name: string }[] } | { readonly ok: false; readonly mistakes: readonly MistakeInFile[] };

const lintAll = async ({ api }: Session, files: readonly DefinitionFile[]): Promise<Looked> => {
  const answers = await Promise.all(files.map(async ({ file, text }) => ({ file, answer: await api.send<LintAnswer>('POST', '/api/lint', { text }) })));
  const mistakes = answers.flatMap(({ file, answer }) => (answer.ok ? [] : answer.mistakes.map((mistake) => ({ ...mistake, file }))));
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, rollouts: answers.flatMap(({ answer }) => (answer.ok ? answer.rollouts : [])) };
};

/** Mistakes that the server finds are told with the name of the file. */
const inFile = async <T>(file: DefinitionFile | undefined, ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Failure) || file === undefined) throw error;
    throw new Failure(error.exit, error.code, error.message, error.mistakes.map((mistake) => ({ ...mistake, file: file.file })));
  }
};
