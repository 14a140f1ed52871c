/**
 * Staged tasks as a user has them: registers, logs in, and takes each task from its creation to its result by the SDK.
 */
import { randomBytes } from 'node:crypto'
import { builtinSpecs } from '../actors/builtins/index.ts'
import type { Api, TacitConnection } from '../client/index.ts'
import { watchTask } from '../client/index.ts'
import { defined, Refusal } from '../messages/index.ts'
import type { Call } from './bare_calls.ts'

/** @returns one call: creates a task of builtin-echo, invokes it, and resolves with its result */
export async function prepareStagedEcho(
  connection: TacitConnection,
  adminPassword: string,
  message: string,
): Promise<Call> {
  const admin = await connection.login('admin', adminPassword)
  const enter = async (id: string, role: 'FunctionOwner' | 'DataOwner', attribute?: string): Promise<Api> => {
    const password = randomBytes(18).toString('base64url')
    await connection.authentication.user_register({
      session: admin.token,
      id,
      password,
      role,
      ...defined({ attribute }),
    })
    return connection.as(await connection.login(id, password))
  }
  const owner = await enter('owner', 'FunctionOwner')
  const { function_id } = await owner.register_function({ ...builtinSpecs['builtin-echo']!, public: true })
  const user = await enter('user', 'DataOwner', 'bench')
  return () => runEcho(user, function_id, message)
}

async function runEcho(user: Api, functionId: string, message: string): Promise<void> {
  const { task_id } = await user.create_task({ function_id: functionId, arguments: { message } })
  const { version } = await user.invoke_task({ task_id })
  for await (const { task } of watchTask(user, task_id, { afterVersion: version })) {
    if (task.result === undefined) continue
    if (Buffer.from(task.result.return_value).toString() === message) return
    throw new Refusal('function_failed', `${task_id} answered with something else than its message`)
  }
  throw new Refusal('function_failed', `${task_id} ended without a result`)
}
