/** Waiting for a task, as every `--wait` does: each change with its reason on stderr, and the end as the command's own. */
import type { TaskView } from '../../messages/index.ts'
import type { Api } from '../connection.ts'
import { watchTask } from '../task_watch.ts'
import { CommandFailure } from './output.ts'
import type { PartyContext } from './party.ts'

/**
 * The task when it has finished.
 * @param seen the task as it was answered already, whose state is said first
 * @throws CommandFailure `function_failed` or `canceled` where it ended otherwise
 */
export async function untilFinished(
  { output, signal }: PartyContext,
  api: Api,
  id: string,
  seen?: TaskView,
): Promise<TaskView> {
  const tell = ({ state, reason }: TaskView) => output.say(`${state}: ${reason}`)
  if (seen !== undefined) tell(seen)
  let last: TaskView | undefined
  for await (const changed of watchTask(api, id, { signal, afterVersion: seen?.version ?? 0 })) {
    tell(changed)
    last = changed
  }
  if (last?.state === 'Finished') return last
  const { state, reason } = last ?? { state: 'unknown', reason: 'the watch ended without a word' }
  throw new CommandFailure(
    state === 'Canceled' ? 'canceled' : 'function_failed',
    `${id} ended as ${state}: ${reason}`,
    last === undefined ? {} : { task: last },
    { hint: `"tacit task get ${id}" shows all of it` },
  )
}

export function showTask({ output }: PartyContext, task: TaskView): void {
  const { terms, result } = task
  const files = [...terms.inputs, ...terms.outputs].map(
    ({ name, owners, data_id }) => `  ${name} of ${owners.join(', ')}: ${data_id ?? 'not assigned'}`,
  )
  output.result({ task }, [
    `${task.task_id}  ${task.state}`,
    `  ${task.reason}`,
    `  function ${terms.function_id}, arguments ${JSON.stringify(terms.arguments)}`,
    ...files,
    `  parties ${task.parties.join(', ')}; approved by ${task.approved_by.join(', ') || 'nobody yet'}`,
    `  terms ${task.terms_digest}`,
    ...(result === undefined ? [] : [`  result ${JSON.stringify(Buffer.from(result.return_value).toString())}`]),
  ])
}
