/**
 * `tacit completion bash | zsh | fish` prints a script with which the shell completes commands and options. This drawer
 * holds everything that completion is made of: the tree of commands, and the scripts. A script walks the words that
 * were typed, so that it knows which command they name and whether an option waits for its value; then it offers what
 * may follow. Where anything may follow, the shell offers files.
 */
import type { Command } from 'commander'
import { Argument } from 'commander'
import type { PartyContext } from '../platform/party.ts'
import type { TreeCommand, TreeOption } from './command_tree.ts'
import { readTree } from './command_tree.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

/** Completes the commands that the program has when this one runs. */
export function addCompletionCommand(program: Command, contextOf: (command: Command) => PartyContext): void {
  program
    .command('completion')
    .description('print a script with which your shell completes commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices([...SHELLS]))
    .action((shell: Shell, _options: object, command: Command) => {
      const script = completionScript(shell, program.name(), readTree(program))
      contextOf(command).output.result({ shell, script }, script.trimEnd().split('\n'))
    })
}

export function completionScript(shell: Shell, program: string, tree: readonly TreeCommand[]): string {
  if (shell === 'bash') return bashScript(program, tree)
  return shell === 'zsh' ? zshScript(program, tree) : fishScript(program, tree)
}

function bashScript(program: string, tree: readonly TreeCommand[]): string {
  return `# Completion of ${program} for bash: source <(${program} completion bash)
_${program}() {
  local current=\${COMP_WORDS[COMP_CWORD]} place='' value='' words='' flags='' word at
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    # Bash takes --option=value apart.
    if [[ $word == '=' ]]; then continue; fi
    if [[ -n $value ]]; then value=''; continue; fi
${walk(tree, '    ')}
  done
  if [[ $current == '=' ]]; then current=''; fi
  if [[ -n $value ]]; then
    case "$place $value" in
${choicesOf(tree)
  .map(([pattern, choices]) => `      ${pattern}) words='${choices.join(' ')}' ;;`)
  .join('\n')}
    esac
  else
    case "$place" in
${tree
  .map(({ place, words, options }) => `      '${place}') words='${namesOf(words)}' flags='${namesOf(options)}' ;;`)
  .join('\n')}
    esac
    if [[ $current == -* ]]; then words=$flags; fi
  fi
  COMPREPLY=()
  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$current")); fi
}
complete -o default -F _${program} ${program}
`
}

function zshScript(program: string, tree: readonly TreeCommand[]): string {
  const described = (items: readonly { name: string; about: string }[]) =>
    items.map(({ name, about }) => quote(`${name}:${about}`)).join(' ')
  return `#compdef ${program}
# Completion of ${program} for zsh: source <(${program} completion zsh)
_${program}() {
  local place='' value='' word at
  local -a verbs flags
  for ((at = 2; at < CURRENT; at++)); do
    word=\${words[at]}
    if [[ -n $value ]]; then value=''; continue; fi
${walk(tree, '    ')}
  done
  if [[ -n $value ]]; then
    case "$place $value" in
${choicesOf(tree)
  .map(([pattern, choices]) => `      ${pattern}) compadd -- ${choices.join(' ')} ;;`)
  .join('\n')}
      *) _files ;;
    esac
    return
  fi
  case "$place" in
${tree
  .map(({ place, words, options }) => `    '${place}') verbs=(${described(words)}) flags=(${described(options)}) ;;`)
  .join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then _describe -o option flags
  elif (( \${#verbs} )); then _describe command verbs
  else _files
  fi
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then _${program} "$@"; else compdef _${program} ${program}; fi
`
}

function fishScript(program: string, tree: readonly TreeCommand[]): string {
  const at = (place: string) => `complete -c ${program} -n ${fishQuote(`__${program}_at '${place}'`)}`
  const optionLine = (place: string, { name, about, takesValue, choices }: TreeOption) => {
    const value = takesValue ? (choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : ' -r -F') : ''
    return `${at(place)} -l ${name.slice(2)}${value} -d ${fishQuote(about)}`
  }
  return `# Completion of ${program} for fish: ${program} completion fish | source
function __${program}_at
    set -l place ''
    set -l value ''
    for word in (commandline -opc)[2..-1]
        if test -n "$value"
            set value ''
            continue
        end
        switch "$place $word"
            case ${valued(tree).join(' ')}
                set value $word
            case ${places(tree).join(' ')}
                set place (string trim "$place $word")
        end
    end
    test "$place" = "$argv[1]"
end
${tree
  .flatMap(({ place, words, options }) => [
    ...words.map(({ name, about }) => `${at(place)} -f -a ${name} -d ${fishQuote(about)}`),
    ...options.map((option) => optionLine(place, option)),
  ])
  .join('\n')}
`
}

/** Bash and zsh agree on these lines: `value` becomes the option that waits for one, `place` grows by each command. */
function walk(tree: readonly TreeCommand[], indent: string): string {
  return [
    'case "$place $word" in',
    `  ${valued(tree).join('|')}) value=$word ;;`,
    `  ${places(tree).join('|')}) place="\${place:+$place }$word" ;;`,
    'esac',
  ]
    .map((line) => indent + line)
    .join('\n')
}

/** `place option` where the option takes a value. */
function valued(tree: readonly TreeCommand[]): string[] {
  return tree.flatMap(({ place, options }) =>
    options.filter(({ takesValue }) => takesValue).map(({ name }) => `'${place} ${name}'`),
  )
}

/** `place command` where a command goes on. */
function places(tree: readonly TreeCommand[]): string[] {
  return tree
    .filter(({ place }) => place !== '')
    .map(({ place }) => (place.includes(' ') ? `'${place}'` : `' ${place}'`))
}

function choicesOf(tree: readonly TreeCommand[]): [pattern: string, choices: readonly string[]][] {
  return tree.flatMap(({ place, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map(({ name, choices }): [string, readonly string[]] => [`'${place} ${name}'`, choices]),
  )
}

function namesOf(named: readonly { name: string }[]): string {
  return named.map(({ name }) => name).join(' ')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function fishQuote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
