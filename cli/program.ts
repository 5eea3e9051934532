import { Command, CommanderError } from 'commander';
import { completionCommands } from './commands/completion.ts';
import { definitionCommands } from './commands/definitions.ts';
import { deployCommand } from './commands/deploy.ts';
import { lookingCommands } from './commands/looking.ts';
import { operatingCommands } from './commands/operating.ts';
import { orderCommands } from './commands/orders.ts';
import { startCommand } from './commands/start.ts';
import { defaultUrl } from './connection.ts';
import { exitCodes, exitCodesInWords, Failure, type ExitCode } from './exit.ts';
import type { Io } from './io.ts';
import { outputOf } from './output.ts';
import { registrarOf, type Registrar } from './session.ts';

/** The whole command line, ready to parse. */
export const sluiceProgram = (io: Io): Registrar => {
  const program = new Command('sluice')
    .description('Progressive delivery for Kubernetes: new versions are let in by degrees and shut out at once.')
    .option('--url <url>', `where Sluice is (SLUICE_URL; else .sluice/session.json, else ${defaultUrl})`)
    .option('--token <token>', 'who asks (SLUICE_TOKEN; else that of .sluice/session.json)')
    .option('-n, --namespace <namespace>', 'namespace of NAME, where it is not written namespace/name')
    .option('--json', 'answers as JSON')
    .option('--no-color', 'no colours (also NO_COLOR, and whenever it is not a terminal)')
    .helpCommand(false)
    .showHelpAfterError('(sluice --help, or sluice <command> --help, says more)')
    .configureOutput({
      writeOut: (text) => void io.out.write(text),
      writeErr: (text) => void io.err.write(text),
      getOutHelpWidth: () => Math.min(110, io.out.columns ?? 100),
      getErrHelpWidth: () => Math.min(110, io.err.columns ?? 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride()
    .addHelpText('after', `\nNAME is name or namespace/name. Without a namespace it is that of the only rollout called so, else default.\n\n${exitCodesInWords}`);
  const registrar = registrarOf(program, io);
  lookingCommands(registrar);
  startCommand(registrar);
  orderCommands(registrar);
  definitionCommands(registrar);
  operatingCommands(registrar);
  deployCommand(registrar);
  completionCommands(registrar);
  return registrar;
};

/** Runs one command line (without the name of the program) and answers its exit code. Never throws. */
export const runSluice = async (args: readonly string[], io: Io): Promise<ExitCode> => {
  try {
    const registrar = sluiceProgram(io);
    if (args.length === 0) {
      registrar.program.outputHelp({ error: true });
      return exitCodes.usage;
    }
    await registrar.program.parseAsync(args, { from: 'user' });
    return registrar.exit();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const failure = error instanceof Failure ? error : new Failure(exitCodes.failed, 'bug', `this is a bug of sluice: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    outputOf(io, { json: args.includes('--json'), color: false }).failure(failure);
    return failure.exit;
  }
};
