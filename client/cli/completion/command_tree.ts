/** The commands with their options, as plain data for the completion scripts. */
import type { Command, Option } from 'commander'

export interface TreeOption {
  /** Such as `--state`. */
  name: string
  about: string
  takesValue: boolean
  /** The values it may have; empty where it may have any. */
  choices: readonly string[]
}

export interface TreeCommand {
  /** Such as `task create`; empty for the program itself. */
  place: string
  about: string
  /** The words that may follow, and what each means: commands, or the choices of an argument. */
  words: readonly { name: string; about: string }[]
  /** Its own options, then those of the program. */
  options: readonly TreeOption[]
}

/** The program first, then each command before those below it. */
export function readTree(program: Command): TreeCommand[] {
  const shared = optionsOf(program)
  const read = (command: Command, place: string): TreeCommand[] => {
    const help = command.createHelp()
    const below = help.visibleCommands(command).filter((child) => command.commands.includes(child))
    const own = place === '' ? [] : optionsOf(command)
    const names = new Set(own.map(({ name }) => name))
    const words = below.map((child) => ({ name: child.name(), about: child.description() }))
    const choices = command.registeredArguments[0]?.argChoices ?? []
    return [
      {
        place,
        about: command.description(),
        words: words.length > 0 ? words : choices.map((name) => ({ name, about: '' })),
        options: [...own, ...shared.filter(({ name }) => !names.has(name))],
      },
      ...below.flatMap((child) => read(child, place === '' ? child.name() : `${place} ${child.name()}`)),
    ]
  }
  return read(program, '')
}

function optionsOf(command: Command): TreeOption[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap((option: Option) =>
      option.long === undefined || option.long === null
        ? []
        : [
            {
              name: option.long,
              about: option.description,
              takesValue: option.required || option.optional,
              choices: option.argChoices ?? [],
            },
          ],
    )
}
