/**
 * The smallest whole use of the SDK: verify the platform, log in, run `builtin-echo`, verify the receipt offline. The
 * user must be allowed to register functions and create tasks, as the admin is.
 *
 *     node dist/examples/echo_task.js <nats url> <manifest file> <user> <password file> [message]
 */
import { readFile } from 'node:fs/promises'
import { TacitConnection, verifyReceipt, waitForTask } from 'tacit/client'

const [url, manifestPath, user, passwordPath, message = 'hello'] = process.argv.slice(2)
if (url === undefined || manifestPath === undefined || user === undefined || passwordPath === undefined) {
  throw new Error('usage: echo_task <nats url> <manifest file> <user> <password file> [message]')
}
const manifest = await readFile(manifestPath, 'utf8')
const password = (await readFile(passwordPath, 'utf8')).trimEnd()

// Nothing is sent before the platform has proven that it is the one this manifest describes.
await using tacit = await TacitConnection.open({ url, manifest })
const api = tacit.as(await tacit.login(user, password))
const { function_id } = await api.register_function({
  name: 'builtin-echo',
  description: 'Answers with its message',
  executor: 'builtin',
  arguments: [{ key: 'message', default: '', overridable: true }],
  inputs: [],
  outputs: [],
  public: false,
})
const { task_id } = await api.create_task({ function_id, arguments: { message } })
await api.invoke_task({ task_id })
const { result } = await waitForTask(api, task_id)
const { worker } = await verifyReceipt(result?.receipt ?? '', manifest)
process.stdout.write(`${Buffer.from(result?.return_value ?? []).toString()}\n`)
process.stdout.write(`run by ${worker.member} on platform ${worker.platform}\n`)
