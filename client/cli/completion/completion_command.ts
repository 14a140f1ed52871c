/** `tacit completion bash | zsh | fish`: a script that has the shell complete commands and options. */
import type { Command } from 'commander'
import { Argument } from 'commander'
import { readTree } from './command_tree.ts'
import type { Shell } from './completion_scripts.ts'
import { completionScript, SHELLS } from './completion_scripts.ts'
import type { PartyContext } from '../platform/party.ts'

/** Completes what was added to the program by the time that it runs. */
export function addCompletionCommand(program: Command, contextOf: (command: Command) => PartyContext): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in your shell')
    .addArgument(new Argument('<shell>', 'the shell').choices([...SHELLS]))
    .action((shell: Shell, _options: object, command: Command) => {
      const script = completionScript(shell, program.name(), readTree(program))
      contextOf(command).output.result({ shell, script }, script.trimEnd().split('\n'))
    })
}
