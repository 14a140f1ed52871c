/** `tacit function register`. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { functionSpec, parseBy, Refusal } from '../../messages/index.ts'
import { BUILTINS } from '../builtin_specs.ts'
import { readGiven } from './given_file.ts'
import type { PartyContext } from './party.ts'
import { withSession } from './party.ts'

export function addFunctionCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const functions = program.command('function').description('functions that tasks run')
  functions
    .command('register')
    .description('register a built-in by its name, or any function by a JSON description')
    .addOption(new Option('--builtin <name>', 'a built-in function').choices(Object.keys(BUILTINS)))
    .option('--spec <file>', 'a JSON file as register_function takes it ("tacit schema frontend.register_function")')
    .option('--public', 'anybody may use it', false)
    .action(async (options: { builtin?: string; spec?: string; public: boolean }, command: Command) => {
      const context = contextOf(command)
      const spec = await readSpec(options)
      await withSession(context, async (api) => {
        const { function_id } = await api.register_function(spec)
        context.output.result({ function_id, name: spec.name }, [function_id])
      })
    })
  functions
    .command('list')
    .description('the functions you may use')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const { functions: found } = await api.list_functions({})
        context.output.result(
          { functions: found },
          found.map(({ function_id, name, owner }) => `${function_id}  ${name}  of ${owner}`),
        )
      })
    })
}

async function readSpec(options: { builtin?: string; spec?: string; public: boolean }) {
  if (options.builtin !== undefined) {
    return parseBy(functionSpec, { ...BUILTINS[options.builtin], public: options.public }, 'frontend.register_function')
  }
  if (options.spec === undefined) {
    throw new Refusal('invalid_request', 'say which function', { hint: 'give --builtin <name> or --spec <file>' })
  }
  const value = parseJson((await readGiven(options.spec, 'a JSON file')).toString(), options.spec)
  return parseBy(functionSpec, options.public ? { ...value, public: true } : value, 'frontend.register_function')
}

function parseJson(text: string, path: string): object {
  try {
    // What else JSON can be, the schema refuses.
    return JSON.parse(text) as object
  } catch (cause) {
    throw new Refusal('malformed', `${path} is not JSON`, {
      hint: 'run "tacit schema frontend.register_function" for what it takes',
      cause,
    })
  }
}
