import type { DeadLettersAnswer } from '../answers.ts';
import { exitCodes, Failure } from '../exit.ts';
import { imageReference } from '../image.ts';
import type { Registrar } from '../session.ts';
import { renderDeadLetters } from '../text/tables.ts';

/** Commands for whoever runs Sluice: serve, dead-letters, and push, which only the sandbox knows. */
export const operatingCommands = ({ program, run }: Registrar): void => {
  program
    .command('serve')
    .summary('run Sluice: the HTTP API, the page and the workers in one process')
    .description('Runs Sluice in one process: the HTTP API, the page and the workers. Ends on Ctrl-C, when what is under way has been saved.')
    .option('--config <file>', 'the configuration; without it the environment decides')
    .addHelpText('after', '\nExamples:\n  sluice serve\n  sluice serve --config sluice.yaml')
    .action(async (options: { readonly config?: string }) => {
      const { serveUntilStopped } = await import('../../functions/main.ts');
      await serveUntilStopped(options.config);
    });

  run<{ redrive?: string }>(
    program
      .command('dead-letters')
      .summary('list messages that could not be handled')
      .description('Lists messages that could not be handled, with the reason. With --redrive one of them is handled again.')
      .option('--redrive <id>', 'send this one again')
      .addHelpText('after', '\nExamples:\n  sluice dead-letters\n  sluice dead-letters --redrive 01J9Z'),
    async ({ api, output }, _args, { redrive }) => {
      if (redrive === undefined) output.show(await api.get<DeadLettersAnswer>('/api/dead-letters'), ({ deadLetters }, look) => renderDeadLetters(deadLetters, Date.now(), look));
      else output.show(await api.send<object>('POST', `/api/dead-letters/${encodeURIComponent(redrive)}/redrive`, {}), () => `${redrive}: sent again`);
    },
  );

  run<{ env?: string[] }>(
    program
      .command('push')
      .argument('<image>', 'host/repository:tag')
      .summary('push an image into the sandbox')
      .description('Pushes an image into the registry of the sandbox, which tells Sluice as a real registry would. Only the sandbox has one.')
      .option('-e, --env <name=value...>', 'environment of its pods, e.g. how they misbehave')
      .addHelpText('after', '\nExamples:\n  sluice push registry.example.com/team/demo:1.5.0\n  sluice push registry.example.com/team/demo:1.5.1 -e ERROR_RATE=0.2'),
    async ({ api, output }, [text = ''], { env = [] }) => {
      const { image, tag } = imageReference(text);
      if (tag === undefined) throw new Failure(exitCodes.usage, 'noTag', `${text} has no tag; allowed is host/repository:tag`);
      const pairs = env.map((pair) => {
        const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
        if (name === undefined || value === undefined) throw new Failure(exitCodes.usage, 'badEnv', `${JSON.stringify(pair)} is not an environment variable; allowed is NAME=value`);
        return [name, value] as const;
      });
      output.show(await api.send<object>('POST', '/api/sandbox/push', { image, tag, env: Object.fromEntries(pairs) }), () => `${image}:${tag} pushed`);
    },
  );
};
