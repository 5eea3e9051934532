import type { Command } from 'commander';
import { apiOf, type Api } from './api.ts';
import { connectionOf } from './connection.ts';
import { exitCodes, type ExitCode } from './exit.ts';
import type { Io } from './io.ts';
import { resolveName, type RolloutName } from './names.ts';
import { outputOf, type Output } from './output.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly namespace?: string;
  readonly json?: boolean;
  readonly color: boolean;
}

/** What a command works with. */
export interface Session {
  readonly io: Io;
  readonly api: Api;
  readonly output: Output;
  /** The rollout somebody means by NAME. */
  named(text: string): Promise<RolloutName>;
}

/** A command's body: gets its session, its arguments and its options, and answers the exit code; nothing means 0. */
export type Body<Options> = (session: Session, args: readonly string[], options: Options) => Promise<ExitCode | void>;

/** Puts commands on a program and keeps what the last one answered. */
export interface Registrar {
  readonly program: Command;
  readonly io: Io;
  run<Options extends object>(command: Command, body: Body<Options>): Command;
  exit(): ExitCode;
}

export const registrarOf = (program: Command, io: Io): Registrar => {
  let exit: ExitCode = exitCodes.ok;
  return {
    program,
    io,
    exit: () => exit,
    run: <Options extends object>(command: Command, body: Body<Options>) =>
      command.action(async () => {
        const options = command.optsWithGlobals<GlobalOptions & Options>();
        const api = apiOf(connectionOf(options, io));
        const output = outputOf(io, { json: options.json === true, color: options.color });
        const session: Session = { io, api, output, named: (text) => resolveName(text, options.namespace, api) };
        exit = (await body(session, command.args, options)) ?? exitCodes.ok;
      }),
  };
};
