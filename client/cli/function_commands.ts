/** `tacit function register | update | list | usage | disable | delete`. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { functionSpec, parseBy, Refusal } from '../../messages/index.ts'
import { BUILTINS } from '../builtin_specs.ts'
import type { z } from 'zod'
import type { TacitConnection } from '../connection.ts'
import { providePayload } from '../file_transfer.ts'
import { collectAll, PAGE } from './every_page.ts'
import { readGiven } from './given_file.ts'
import { collect } from './pairs.ts'
import type { PartyContext } from './party.ts'
import { withSession } from './party.ts'

export function addFunctionCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const functions = program.command('function').description('functions that tasks run')
  functions
    .command('register')
    .description('register a built-in by its name, or any function by a JSON description')
    .addOption(new Option('--builtin <name>', 'a built-in function').choices(Object.keys(BUILTINS)))
    .option('--spec <file>', 'a JSON file as register_function takes it ("tacit schema frontend.register_function")')
    .option('--payload <file>', 'what it runs: a file of up to 64 MiB')
    .option('--public', 'anybody may use it', false)
    .option('--allow <user>', 'who may use it besides its owner: a user, or org:<organisation>', collect, [])
    .action(async (options: SpecOptions, command: Command) => {
      const context = contextOf(command)
      const spec = await readSpec(options)
      await withSession(context, async (api, connection) => {
        const { function_id } = await api.register_function(await withPayload(spec, options, connection))
        context.output.result({ function_id, name: spec.name }, [function_id])
      })
    })
  functions
    .command('update <function>')
    .description('replace a function of yours; tasks that exist keep what their parties agreed on')
    .addOption(new Option('--builtin <name>', 'a built-in function').choices(Object.keys(BUILTINS)))
    .option('--spec <file>', 'a JSON file as register_function takes it')
    .option('--payload <file>', 'what it runs: a file of up to 64 MiB')
    .option('--public', 'anybody may use it', false)
    .option('--allow <user>', 'who may use it besides its owner: a user, or org:<organisation>', collect, [])
    .action(async (id: string, options: SpecOptions, command: Command) => {
      const context = contextOf(command)
      const spec = await readSpec(options)
      await withSession(context, async (api, connection) => {
        const fresh = await withPayload(spec, options, connection)
        const { function_id } = await api.update_function({ ...fresh, function_id: id })
        context.output.result({ function_id, name: spec.name }, [function_id])
      })
    })
  functions
    .command('usage <function>')
    .description('how many runs a function had, and may have')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const usage = await api.get_function_usage({ function_id: id })
        context.output.result({ ...usage }, [
          `${usage.runs} ${usage.runs === 1 ? 'run' : 'runs'}, ${usage.quota === undefined ? 'no quota' : `quota ${usage.quota}`}`,
        ])
      })
    })
  for (const verb of ['disable', 'delete'] as const) {
    functions
      .command(`${verb} <function>`)
      .description(
        verb === 'disable'
          ? 'let no further task use a function (its owner, or an admin); what is staged still runs'
          : 'delete a function of yours; what is staged still runs',
      )
      .action(async (id: string, _options: object, command: Command) => {
        const context = contextOf(command)
        await withSession(context, async (api) => {
          await api[`${verb}_function`]({ function_id: id })
          context.output.result({ function_id: id, [`${verb}d`]: true }, [`${verb}d ${id}`])
        })
      })
  }
  functions
    .command('list')
    .description('the functions you may use')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const found = await collectAll(async (after) => {
          const { functions: items, next } = await api.list_functions({ limit: PAGE, ...after })
          return { items, next }
        })
        context.output.result(
          { functions: found },
          found.map(({ function_id, name, owner }) => `${function_id}  ${name}  of ${owner}`),
        )
      })
    })
}

interface SpecOptions {
  builtin?: string
  spec?: string
  payload?: string
  public: boolean
  allow: string[]
}

async function withPayload(
  spec: z.output<typeof functionSpec>,
  { payload }: SpecOptions,
  connection: TacitConnection,
): Promise<z.output<typeof functionSpec>> {
  if (payload === undefined) return spec
  return { ...spec, payload: await providePayload(connection.files, await readGiven(payload, 'the payload')) }
}

async function readSpec(options: SpecOptions) {
  const { builtin, spec, allow } = options
  const given = allow.length === 0 ? {} : { allowlist: allow }
  if (builtin !== undefined) {
    const value = { ...BUILTINS[builtin], public: options.public, ...given }
    return parseBy(functionSpec, value, 'frontend.register_function')
  }
  if (spec === undefined) {
    throw new Refusal('invalid_request', 'say which function', { hint: 'give --builtin <name> or --spec <file>' })
  }
  const value = { ...parseJson((await readGiven(spec, 'a JSON file')).toString(), spec), ...given }
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
