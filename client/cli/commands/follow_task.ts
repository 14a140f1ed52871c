/**
 * How `--wait` and `task watch` wait for a task: each change goes to stderr, and the task's end is the command's
 * result.
 */
import type { TaskChange, TaskView } from '../../../messages/index.ts'
import type { Api } from '../../connection.ts'
import { watchTask } from '../../task_watch.ts'
import { CommandFailure } from '../terminal/output.ts'
import type { PartyContext } from '../platform/party.ts'

/**
 * Says each change, then shows the ended task with all of them. An end without a result is a failure of the command.
 */
export async function followTask(context: PartyContext, api: Api, id: string, afterVersion: number): Promise<void> {
  const { task, changes } = await untilFinished(context, api, id, afterVersion)
  showTask(context, task, { changes })
}

/**
 * Says each change after the version `afterVersion`, and returns them with the task once it has finished.
 * @throws CommandFailure `function_failed` or `canceled` where it ended otherwise
 */
export async function untilFinished(
  { output, signal }: PartyContext,
  api: Api,
  id: string,
  afterVersion: number,
): Promise<{ task: TaskView; changes: TaskChange[] }> {
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
    output.say(`seen up to version ${seen}; "tacit task watch ${id} --after ${seen}" continues from there`)
    throw error
  }
  const task = last ?? (await api.get_task({ task_id: id })) // no change came after `afterVersion`
  if (task.state === 'Finished') return { task, changes }
  throw new CommandFailure(
    task.state === 'Canceled' ? 'canceled' : 'function_failed',
    `${id} ended as ${task.state}: ${task.reason}`,
    { task, changes },
    { hint: `"tacit task get ${id}" shows the whole task` },
  )
}

export function showTask({ output }: PartyContext, task: TaskView, more: object = {}): void {
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
