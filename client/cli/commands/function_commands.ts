/** `tacit function register | update | get | list | usage | disable | delete`. */
import type { Command } from 'commander'
import { Option } from 'commander'
import type { FunctionView } from '../../../messages/index.ts'
import { defined, functionSpec, parseBy, Refusal } from '../../../messages/index.ts'
import { BUILTINS } from '../../builtin_specs.ts'
import type { z } from 'zod'
import type { TacitConnection } from '../../connection.ts'
import { providePayload } from '../../file_transfer.ts'
import { collectAll, PAGE } from '../terminal/every_page.ts'
import { readGiven } from '../terminal/given_file.ts'
import { collect } from '../terminal/pairs.ts'
import type { PartyContext } from '../platform/party.ts'
import { withSession } from '../platform/party.ts'

export function addFunctionCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const functions = program.command('function').description('functions that tasks run')
  withSpecOptions(functions.command('register'))
    .description('register a built-in by its name, or any function by a JSON description')
    .action(async (options: SpecOptions, command: Command) => {
      const context = contextOf(command)
      const spec = await readSpec(options)
      await withSession(context, async (api, connection) => {
        const { function_id } = await api.register_function(await withPayload(context, spec, options, connection))
        context.output.result({ function_id, name: spec.name }, [function_id])
      })
    })
  withSpecOptions(functions.command('update <function>'))
    .description('replace a function of yours; tasks that exist keep what their parties agreed on')
    .action(async (id: string, options: SpecOptions, command: Command) => {
      const context = contextOf(command)
      const spec = await readSpec(options)
      await withSession(context, async (api, connection) => {
        const fresh = await withPayload(context, spec, options, connection)
        const { function_id } = await api.update_function({ ...fresh, function_id: id })
        context.output.result({ function_id, name: spec.name }, [function_id])
      })
    })
  functions
    .command('get <function>')
    .description('show a function to who may use it; payload and allowlist to its owner alone')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const view = await api.get_function({ function_id: id })
        context.output.result({ function: view }, linesOf(view))
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
    .option('--owner <user>', 'of this owner')
    .option('--name <name>', 'of this name')
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

/** What describes a function, for who registers one and for who replaces it. */
function withSpecOptions(command: Command): Command {
  return command
    .addOption(new Option('--builtin <name>', 'a built-in function').choices(Object.keys(BUILTINS)))
    .option('--spec <file>', 'a JSON file as register_function takes it ("tacit schema frontend.register_function")')
    .option('--payload <file>', 'what it runs: a file of up to 64 MiB')
    .option('--public', 'anybody may use it', false)
    .option(
      '--allow <user>',
      'who may use it besides its owner: a user, or org:<organisation> (repeatable)',
      collect,
      [],
    )
    .option('--quota <n>', 'how many runs it has; any number unless told', Number)
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

async function readSpec(options: SpecOptions) {
  const described =
    options.builtin === undefined
      ? await readDescription(options.spec)
      : { ...BUILTINS[options.builtin], public: false }
  const given = {
    ...(options.public ? { public: true } : {}),
    ...(options.allow.length > 0 ? { allowlist: options.allow } : {}),
    ...defined({ quota: options.quota }),
  }
  return parseBy(functionSpec, { ...described, ...given }, 'frontend.register_function')
}

async function readDescription(path: string | undefined): Promise<object> {
  if (path !== undefined) return parseJson((await readGiven(path, 'a JSON file')).toString(), path)
  throw new Refusal('invalid_request', 'say which function', { hint: 'give --builtin <name> or --spec <file>' })
}

function linesOf(view: FunctionView): string[] {
  const files = [...view.inputs, ...view.outputs].map(({ name, description }) => `  ${name}  ${description}`)
  return [
    `${view.function_id}  ${view.name}  of ${view.owner}${view.disabled ? ', disabled' : ''}`,
    `  ${view.description}`,
    `  executor ${view.executor}, ${view.public ? 'public' : `for its owner and ${view.allowlist.join(', ') || 'nobody'}`}`,
    ...view.arguments.map(({ key, default: value, overridable }) =>
      overridable ? `  argument ${key}, ${JSON.stringify(value ?? null)} unless given` : `  argument ${key}, fixed`,
    ),
    ...files,
    `  digest ${view.function_digest}`,
  ]
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
