/**
 * `tacit task create | assign | approve | invoke | get | list | watch | cancel`: the life of a task, as a party drives
 * it.
 */
import type { Command } from 'commander'
import { Option } from 'commander'
import type { TaskView } from '../../../messages/index.ts'
import { defined, mapDefined, PRIORITIES, TASK_STATES } from '../../../messages/index.ts'
import { followTask, showTask } from './follow_task.ts'
import type { PartyContext } from '../platform/party.ts'
import { collectAll, PAGE, withSession } from '../platform/party.ts'
import { collect, parseArguments, parseCount, parseMoment, parseOwners, parsePairs } from '../terminal/option_values.ts'

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
  const task = program.command('task').description('tasks, which run once all of their parties have approved')
  task
    .command('create')
    .description('create a task from a function, its arguments, and the owners of each of its files')
    .requiredOption('--function <id>', 'the function to run')
    .option('--argument <key=value>', 'an argument, as JSON or text (repeatable)', collect, [])
    .option('--input <name=user,...>', 'the owners of an input (repeatable)', collect, [])
    .option('--output <name=user,...>', 'the owners of an output (repeatable)', collect, [])
    .addOption(
      new Option('--priority <priority>', 'how soon it runs, compared with other tasks').choices([...PRIORITIES]),
    )
    .option('--timeout-ms <ms>', 'how many milliseconds one run may take', parseCount)
    .option(
      '--deadline <moment>',
      'the moment at which the task ends if it has not finished, such as 2026-01-31T12:00:00Z',
      parseMoment,
    )
    .option('--worker-class <class>', 'the class of workers that may run it')
    .option('--attempts <n>', 'how often it may be started in all, where workers are lost', parseCount)
    .option('--retries <n>', 'how often it is run again after the function failed', parseCount)
    .option('--allow-raw', 'let parties assign inputs that are not encrypted')
    .option('--idempotency-key <key>', 'give the same task whenever it is created with this key again')
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
            ...defined({ needs: mapDefined(options.workerClass, (name) => ({ class: name })) }),
            ...defined({ attempts: options.attempts, retries: options.retries }),
            ...defined({ allow_raw: options.allowRaw }),
            ...defined({ idempotency_key: options.idempotencyKey }),
          },
        })
        context.output.result({ task_id }, [task_id])
      })
    })
  task
    .command('assign <task>')
    .description('assign your data to the inputs and outputs of a task')
    .option('--input <name=data_id>', 'your data for this input (repeatable)', collect, [])
    .option('--output <name=data_id>', 'your data for this output (repeatable)', collect, [])
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
    .description('approve the terms of a task: its present terms, or only those with the digest that you checked')
    .option('--terms-digest <digest>', 'approve only the terms with this digest')
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
    .description('run an approved task')
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
    .description('show a task that you are a party of')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => showTask(context, await api.get_task({ task_id: id })))
    })
  task
    .command('list')
    .description('list your tasks, newest first')
    .addOption(new Option('--only <state>', 'only tasks in this state').choices([...TASK_STATES]))
    .option('--creator <user>', 'only tasks that this user created')
    .option('--from <moment>', 'only tasks created from this moment on, such as 2026-01-31T12:00:00Z', parseMoment)
    .option('--to <moment>', 'only tasks created before this moment', parseMoment)
    .action(async (options: ListOptions, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const { only: state, creator, from, to } = options
        const only = defined({ state, creator, from, to })
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
    .description('show every change of a task, from its creation until it has ended')
    .option(
      '--after <version>',
      'show only the changes after this version, to continue where another watch ended',
      parseCount,
      0,
    )
    .action(async (id: string, options: { after: number }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, (api) => followTask(context, api, id, options.after))
    })
  task
    .command('cancel <task>')
    .description('cancel a task that has not ended yet')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => showTask(context, await api.cancel_task({ task_id: id })))
    })
}
