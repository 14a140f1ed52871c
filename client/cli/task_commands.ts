/** `tacit task create | assign | approve | invoke | get | list | watch | cancel`. */
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { TaskChange, TaskView } from '../../messages/index.ts'
import { PRIORITIES, TASK_STATES } from '../../messages/index.ts'
import type { Api } from '../connection.ts'
import { watchTask } from '../task_watch.ts'
import { CommandFailure } from './output.ts'
import { collectAll, PAGE } from './every_page.ts'
import { collect, parseArguments, parseOwners, parsePairs } from './pairs.ts'
import type { PartyContext } from './party.ts'
import { withSession } from './party.ts'

interface CreateOptions {
  function: string
  argument: string[]
  input: string[]
  output: string[]
  priority?: TaskView['terms']['options']['priority']
  timeoutMs?: number
  attempts?: number
  allowRaw?: true
  idempotencyKey?: string
}

export function addTaskCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const task = program.command('task').description('tasks: agreed by their parties, run by a worker')
  task
    .command('create')
    .description('create a task from a function and the declared owners of each file')
    .requiredOption('--function <id>', 'the function to run')
    .option('--argument <key=value>', 'an argument; JSON, or text', collect, [])
    .option('--input <name=user,...>', 'who owns an input', collect, [])
    .option('--output <name=user,...>', 'who owns an output', collect, [])
    .addOption(new Option('--priority <priority>').choices([...PRIORITIES]))
    .option('--timeout-ms <ms>', 'how long one run may take', parseCount)
    .option('--attempts <n>', 'how many runs after lost workers', parseCount)
    .option('--allow-raw', 'parties may put in inputs that are not encrypted')
    .option('--idempotency-key <key>', 'creating again with the same key gives the same task')
    .action(async (options: CreateOptions, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const { task_id } = await api.create_task({
          function_id: options.function,
          arguments: parseArguments(options.argument),
          inputs: parseOwners(options.input, '--input'),
          outputs: parseOwners(options.output, '--output'),
          options: {
            ...(options.priority === undefined ? {} : { priority: options.priority }),
            ...(options.timeoutMs === undefined ? {} : { timeout_ms: options.timeoutMs }),
            ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
            ...(options.allowRaw === undefined ? {} : { allow_raw: true }),
            ...(options.idempotencyKey === undefined ? {} : { idempotency_key: options.idempotencyKey }),
          },
        })
        context.output.result({ task_id }, [task_id])
      })
    })
  task
    .command('assign <task>')
    .description('assign your data to the declared files of a task')
    .option('--input <name=data_id>', 'an input', collect, [])
    .option('--output <name=data_id>', 'an output', collect, [])
    .action(async (id: string, options: { input: string[]; output: string[] }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const inputs = parsePairs(options.input, '--input')
        const outputs = parsePairs(options.output, '--output')
        showTask(context, await api.assign_data({ task_id: id, inputs, outputs }))
      })
    })
  task
    .command('approve <task>')
    .description('approve the terms of a task: those it has now, or those of the digest you looked at')
    .option('--terms-digest <digest>', 'approve these terms and no others')
    .action(async (id: string, options: { termsDigest?: string }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const terms_digest = options.termsDigest ?? (await api.get_task({ task_id: id })).terms_digest
        showTask(context, await api.approve_task({ task_id: id, terms_digest }))
      })
    })
  task
    .command('invoke <task>')
    .description('have an approved task run')
    .option('--wait', 'wait until it has ended', false)
    .action(async (id: string, options: { wait: boolean }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const staged = await api.invoke_task({ task_id: id })
        if (options.wait) await followTask(context, api, id, staged.version - 1)
        else showTask(context, staged)
      })
    })
  task
    .command('get <task>')
    .description('show a task to its parties')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => showTask(context, await api.get_task({ task_id: id })))
    })
  task
    .command('list')
    .description('your tasks, newest first')
    .addOption(new Option('--only <state>', 'those in this state').choices([...TASK_STATES]))
    .action(async (options: { only?: TaskView['state'] }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const only = options.only === undefined ? {} : { state: options.only }
        const tasks = await collectAll(async (after) => {
          const { tasks: items, next } = await api.list_tasks({ limit: PAGE, ...only, ...after })
          return { items, next }
        })
        context.output.result(
          { tasks },
          tasks.map(({ task_id, state, reason }) => `${task_id}  ${state}  ${reason}`),
        )
      })
    })
  task
    .command('watch <task>')
    .description('follow a task until it has ended: every change from its creation on')
    .option('--after <version>', 'the changes after this version alone: go on where another watch ended', parseCount, 0)
    .action(async (id: string, options: { after: number }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, (api) => followTask(context, api, id, options.after))
    })
  task
    .command('cancel <task>')
    .description('cancel a task that has not ended')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => showTask(context, await api.cancel_task({ task_id: id })))
    })
}

/** Says each change, and shows the end with all of them; one without a result is a failure of the command. */
async function followTask(context: PartyContext, api: Api, id: string, afterVersion: number): Promise<void> {
  const { output, signal } = context
  const changes: TaskChange[] = []
  let last: TaskView | undefined
  try {
    for await (const { task, ...change } of watchTask(api, id, { signal, afterVersion })) {
      output.say(`${change.state}: ${change.version === task.version ? task.reason : change.reason}`)
      changes.push(change)
      last = task
    }
  } catch (error) {
    const seen = changes.at(-1)?.version ?? afterVersion
    output.say(`seen up to version ${seen}; "tacit task watch ${id} --after ${seen}" goes on from there`)
    throw error
  }
  const task = last ?? (await api.get_task({ task_id: id })) // nothing happened after what was seen before
  if (task.state === 'Finished') return showTask(context, task, { changes })
  throw new CommandFailure(
    task.state === 'Canceled' ? 'canceled' : 'function_failed',
    `${id} ended as ${task.state}: ${task.reason}`,
    { task, changes },
    { hint: `"tacit task get ${id}" shows all of it` },
  )
}

function showTask({ output }: PartyContext, task: TaskView, more: object = {}): void {
  const { terms, result } = task
  const files = [...terms.inputs, ...terms.outputs].map(
    ({ name, owners, data_id }) => `  ${name} of ${owners.join(', ')}: ${data_id ?? 'not assigned'}`,
  )
  output.result({ task, ...more }, [
    `${task.task_id}  ${task.state}`,
    `  ${task.reason}`,
    `  function ${terms.function_id}, arguments ${JSON.stringify(terms.arguments)}`,
    ...files,
    `  parties ${task.parties.join(', ')}; approved by ${task.approved_by.join(', ') || 'nobody yet'}`,
    `  terms ${task.terms_digest}`,
    ...(result === undefined ? [] : [`  result ${JSON.stringify(Buffer.from(result.return_value).toString())}`]),
  ])
}

function parseCount(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed')
  return value
}
