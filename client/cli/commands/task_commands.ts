/** `tacit task create | assign | approve | invoke | get | list | watch | cancel`. */
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { TaskView } from '../../../messages/index.ts'
import { defined, PRIORITIES, TASK_STATES } from '../../../messages/index.ts'
import { collectAll, PAGE } from '../terminal/every_page.ts'
import { followTask, showTask } from './follow_task.ts'
import { parseMoment } from '../terminal/moment.ts'
import { collect, parseArguments, parseOwners, parsePairs } from '../terminal/pairs.ts'
import type { PartyContext } from '../platform/party.ts'
import { withSession } from '../platform/party.ts'

interface CreateOptions {
  function: string
  argument: string[]
  input: string[]
  output: string[]
  priority?: TaskView['terms']['options']['priority']
  timeoutMs?: number
  deadline?: number
  workerClass?: string
  attempts?: number
  retries?: number
  allowRaw?: true
  idempotencyKey?: string
}

interface ListOptions {
  only?: TaskView['state']
  creator?: string
  from?: number
  to?: number
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
    .addOption(new Option('--priority <priority>', 'before or behind other tasks').choices([...PRIORITIES]))
    .option('--timeout-ms <ms>', 'how long one run may take', parseCount)
    .option('--deadline <moment>', 'the end of its time, such as 2026-01-31T12:00:00Z', parseMoment)
    .option('--worker-class <class>', 'only workers of this class may run it')
    .option('--attempts <n>', 'how many runs after lost workers', parseCount)
    .option('--retries <n>', 'how many more runs after failures of the function', parseCount)
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
            ...defined({ priority: options.priority, timeout_ms: options.timeoutMs, deadline: options.deadline }),
            ...(options.workerClass === undefined ? {} : { needs: { class: options.workerClass } }),
            ...defined({ attempts: options.attempts, retries: options.retries }),
            ...(options.allowRaw === undefined ? {} : { allow_raw: true }),
            ...defined({ idempotency_key: options.idempotencyKey }),
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
    .option('--wait', 'wait until the task has ended', false)
    .action(async (id: string, options: { termsDigest?: string; wait: boolean }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const terms_digest = options.termsDigest ?? (await api.get_task({ task_id: id })).terms_digest
        const approved = await api.approve_task({ task_id: id, terms_digest })
        if (options.wait) await followTask(context, api, id, approved.version - 1)
        else showTask(context, approved)
      })
    })
  task
    .command('invoke <task>')
    .description('have an approved task run')
    .option('--wait', 'wait until the task has ended', false)
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
    .option('--creator <user>', 'those that this user created')
    .option('--from <moment>', 'created at this moment or later, such as 2026-01-31T12:00:00Z', parseMoment)
    .option('--to <moment>', 'created before this moment', parseMoment)
    .action(async (options: ListOptions, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const { only: state, creator, from, to } = options
        const given = Object.entries({ state, creator, from, to }).filter(([, value]) => value !== undefined)
        const only: Parameters<typeof api.list_tasks>[0] = Object.fromEntries(given)
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

function parseCount(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed')
  return value
}
