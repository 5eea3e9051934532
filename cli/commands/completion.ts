import { Argument, type Command } from 'commander';
import type { RolloutsAnswer } from '../answers.ts';
import { fullName } from '../names.ts';
import type { Registrar } from '../session.ts';

/** `completion`: scripts made from the commands themselves; rollouts are asked for as you type. */
export const completionCommands = ({ program, run, io }: Registrar): void => {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'whose script').choices(['bash', 'zsh', 'fish']))
    .summary('print a completion script for a shell')
    .description('Prints a script that completes commands, options and rollouts.')
    .addHelpText('after', '\nExamples:\n  source <(sluice completion bash)\n  sluice completion zsh > "${fpath[1]}/_sluice"\n  sluice completion fish > ~/.config/fish/completions/sluice.fish')
    .action((shell: string) => void io.out.write(scripts[shell]?.(program) ?? ''));

  run(program.command('__names', { hidden: true }).description('Names of all rollouts, for completion.'), async ({ api, io: { out } }) => {
    const { rollouts } = await api.get<RolloutsAnswer>('/api/rollouts');
    out.write(rollouts.map((rollout) => `${fullName(rollout)}\n`).join(''));
  });
};

const shown = (program: Command): readonly Command[] => program.createHelp().visibleCommands(program);
const namesRollout = (command: Command): boolean => command.registeredArguments.some((argument) => argument.name() === 'name');
const optionsOf = (command: Command): readonly string[] => command.createHelp().visibleOptions(command).flatMap(({ long }) => (typeof long === 'string' ? [long] : []));
const words = (all: readonly string[]): string => all.join(' ');

const scripts: Readonly<Record<string, (program: Command) => string>> = {
  bash: (program) => `# bash completion for sluice
_sluice() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${words(shown(program).map((command) => command.name()))}" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    -f|--file|--config) compopt -o default; return ;;
  esac
  case "$command" in
${shown(program)
  .map((command) => `    ${command.name()}) ${namesRollout(command) ? 'if [[ "$word" != -* ]]; then COMPREPLY=($(compgen -W "$(sluice __names 2>/dev/null)" -- "$word")); return; fi; ' : ''}COMPREPLY=($(compgen -W "${words([...optionsOf(command), ...optionsOf(program)])}" -- "$word")) ;;`)
  .join('\n')}
  esac
}
complete -F _sluice sluice
`,
  zsh: (program) => `#compdef sluice
_sluice() {
  local -a commands
  commands=(
${shown(program)
  .map((command) => `    '${command.name()}:${command.summary().replaceAll("'", "'\\''").replaceAll(':', '\\:')}'`)
  .join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  case "\${words[CURRENT-1]}" in
    -f|--file|--config) _files; return ;;
  esac
  case "\${words[2]}" in
${shown(program)
  .map((command) => `    ${command.name()}) ${namesRollout(command) ? 'if [[ "${words[CURRENT]}" != -* ]]; then compadd -- $(sluice __names 2>/dev/null); return; fi; ' : ''}compadd -- ${words([...optionsOf(command), ...optionsOf(program)])} ;;`)
  .join('\n')}
  esac
}
if [ "$funcstack[1]" = "_sluice" ]; then _sluice "$@"; else compdef _sluice sluice; fi
`,
  fish: (program) => `# fish completion for sluice
complete -c sluice -f
${shown(program)
  .flatMap((command) => [
    `complete -c sluice -n __fish_use_subcommand -a ${command.name()} -d '${command.summary().replaceAll("'", "\\'")}'`,
    ...(namesRollout(command) ? [`complete -c sluice -n '__fish_seen_subcommand_from ${command.name()}' -a '(sluice __names 2>/dev/null)'`] : []),
    ...optionsOf(command).map((long) => `complete -c sluice -n '__fish_seen_subcommand_from ${command.name()}' -l ${long.replace(/^--/, '')}${['--file', '--config'].includes(long) ? ' -r -F' : ''}`),
  ])
  .join('\n')}
`,
};
