import { writeFileSync } from 'node:fs';
import type { Io } from '../cli/io.ts';
import { sluiceProgram } from '../cli/program.ts';

const nowhere: Io = {
  env: {},
  directory: '.',
  out: { write: () => undefined, columns: 100 },
  err: { write: () => undefined, columns: 100 },
  stdin: (async function* (): AsyncGenerator<string> {})(),
  leave: new AbortController().signal,
};

/** The text of docs/cli.md: the help of every command, as it is printed. */
export const cliReference = (): string => {
  const { program } = sluiceProgram(nowhere);
  let text = '';
  const capture = (print: () => void): string => {
    text = '';
    print();
    return text.trimEnd();
  };
  const write = { writeOut: (part: string) => void (text += part) };
  const block = (help: string): string => `\`\`\`text\n${help}\n\`\`\`\n`;
  const commands = program.createHelp().visibleCommands(program);
  const sections = commands.map((command) => `## sluice ${command.name()}\n\n${block(capture(() => command.configureOutput({ ...command.configureOutput(), ...write }).outputHelp()))}`);
  return [
    '# The command line\n',
    '<!-- Made by `node scripts/generate-cli-reference.ts` from the commands themselves; a test holds it to them. -->\n',
    block(capture(() => program.configureOutput({ ...program.configureOutput(), ...write }).outputHelp())),
    ...sections,
  ].join('\n');
};

if (import.meta.main) writeFileSync(new URL('../docs/cli.md', import.meta.url), cliReference());
