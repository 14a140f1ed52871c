/** `tacit function register | update | get | list | usage | disable | delete`: the functions that tasks run. */
import type { Command } from 'commander'
import { Option } from 'commander'
import type { FunctionView } from '../../../messages/index.ts'
import { defined, functionSpec, parseBy, Refusal } from '../../../messages/index.ts'
import type { z } from 'zod'
import type { TacitConnection } from '../../connection.ts'
import { providePayload } from '../../file_transfer.ts'
import type { PartyContext } from '../platform/party.ts'
import { collectAll, PAGE, withSession } from '../platform/party.ts'
import { readGiven, readGivenJson } from '../terminal/given_file.ts'
import { collect } from '../terminal/option_values.ts'

/** The built-in functions by name, each with everything of its registration except who may use it. */
export type BuiltinSpecs = Readonly<Record<string, Omit<z.input<typeof functionSpec>, 'public'>>>

/** @param builtins handed in, because this floor does not import the services */
export function addFunctionCommands(
  program: Command,
  contextOf: (command: Command) => PartyContext,
  builtins: BuiltinSpecs,
): void {
  const functions = program.command('function').description('the functions that tasks run')
  withSpecOptions(functions.command('register'), builtins)
    .description('register a built-in function by its name, or any function by a JSON description')
    .action(async (options: SpecOptions, command: Command) => {
      const context = contextOf(command)
      const spec = await readSpec(options, builtins)
      await withSession(context, async (api, connection) => {
        const { function_id } = await api.register_function(await withPayload(context, spec, options, connection))
        context.output.result({ function_id, name: spec.name }, [function_id])
      })
    })
  withSpecOptions(functions.command('update <function>'), builtins)
    .description('replace a function of yours; existing tasks keep the version that their parties agreed on')
    .action(async (id: string, options: SpecOptions, command: Command) => {
      const context = contextOf(command)
      const spec = await readSpec(options, builtins)
      await withSession(context, async (api, connection) => {
        const fresh = await withPayload(context, spec, options, connection)
        const { function_id } = await api.update_function({ ...fresh, function_id: id })
        context.output.result({ function_id, name: spec.name }, [function_id])
      })
    })
  functions
    .command('get <function>')
    .description('show a function that you may use; only its owner sees its payload and allowlist')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const view = await api.get_function({ function_id: id })
        context.output.result({ function: view }, linesOf(view))
      })
    })
  functions
    .command('usage <function>')
    .description('show how many runs a function has had, and how many it may have')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const usage = await api.get_function_usage({ function_id: id })
        const { runs, quota } = usage
        const limit = quota === undefined ? 'no quota' : `quota ${quota}`
        context.output.result({ ...usage }, [`${runs} ${runs === 1 ? 'run' : 'runs'}, ${limit}`])
      })
    })
  for (const verb of ['disable', 'delete'] as const) {
    functions
      .command(`${verb} <function>`)
      .description(
        verb === 'disable'
          ? 'stop new tasks from using a function (its owner, or an admin); tasks that were invoked still run'
          : 'delete a function of yours; tasks that were invoked still run',
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
    .description('list the functions that you may use')
    .option('--owner <user>', 'only functions of this owner')
    .option('--name <name>', 'only functions of this name')
    .action(async ({ owner, name }: { owner?: string; name?: string }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const only = { ...defined({ owner, name }) }
        const found = await collectAll(async (after) => {
          const { functions: items, next } = await api.list_functions({ limit: PAGE, ...only, ...after })
          return { items, next }
        })
        context.output.result(
          { functions: found },
          found.map(({ function_id, name, owner }) => `${function_id}  ${name}  of ${owner}`),
        )
      })
    })
}

/** The options that describe a function: the same to register one and to replace one. */
function withSpecOptions(command: Command, builtins: BuiltinSpecs): Command {
  return command
    .addOption(new Option('--builtin <name>', 'the name of a built-in function').choices(Object.keys(builtins)))
    .option('--spec <file>', 'a JSON file as register_function takes it ("tacit schema frontend.register_function")')
    .option('--payload <file>', 'the file that it runs, up to 64 MiB')
    .option('--public', 'let anybody use it', false)
    .option(
      '--allow <user>',
      'let this user or organisation use it: a user, or org:<organisation> (repeatable)',
      collect,
      [],
    )
    .option('--quota <n>', 'how many runs it may have; by default any number', Number)
}

interface SpecOptions {
  builtin?: string
  spec?: string
  payload?: string
  public: boolean
  allow: string[]
  quota?: number
}

async function withPayload(
  { output, signal }: PartyContext,
  spec: z.output<typeof functionSpec>,
  { payload }: SpecOptions,
  connection: TacitConnection,
): Promise<z.output<typeof functionSpec>> {
  if (payload === undefined) return spec
  const transfer = { signal, onBytes: output.progress(`uploading ${payload}`) }
  return { ...spec, payload: await providePayload(connection.files, await readGiven(payload, 'the payload'), transfer) }
}

async function readSpec(options: SpecOptions, builtins: BuiltinSpecs) {
  const described =
    options.builtin === undefined
      ? await readDescription(options.spec)
      : { ...builtins[options.builtin], public: false }
  const given = {
    ...(options.public ? { public: true } : {}),
    ...(options.allow.length > 0 ? { allowlist: options.allow } : {}),
    ...defined({ quota: options.quota }),
  }
  return parseBy(functionSpec, { ...described, ...given }, 'frontend.register_function')
}

async function readDescription(path: string | undefined): Promise<object> {
  if (path === undefined) {
    throw new Refusal('invalid_request', 'the function is missing', { hint: 'give --builtin <name> or --spec <file>' })
  }
  const hint = 'run "tacit schema frontend.register_function" to see what the file may say'
  return (await readGivenJson(path, 'a JSON file', hint)) as object // what else JSON can be, the schema refuses
}

function linesOf(view: FunctionView): string[] {
  const users = view.public ? 'public' : `for its owner and ${view.allowlist.join(', ') || 'nobody else'}`
  const files = [...view.inputs, ...view.outputs].map(({ name, description }) => `  ${name}  ${description}`)
  return [
    `${view.function_id}  ${view.name}  of ${view.owner}${view.disabled ? ', disabled' : ''}`,
    `  ${view.description}`,
    `  executor ${view.executor}, ${users}`,
    ...view.arguments.map(({ key, default: value, overridable }) =>
      overridable ? `  argument ${key}, ${JSON.stringify(value ?? null)} unless given` : `  argument ${key}, fixed`,
    ),
    ...files,
    `  digest ${view.function_digest}`,
  ]
}
