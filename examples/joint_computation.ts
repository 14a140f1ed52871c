/**
 * Two parties find out which of their items they share, and learn nothing else. Each has its own connection, as it
 * would on its own machine; they tell each other only a salt, the task's id, and the digest of its terms. The function
 * is `builtin-ordered-set-intersect`, as `tacit function register --builtin ... --public` registers it.
 *
 *     node dist/examples/joint_computation.js <nats url> <manifest file> <function id> \
 *       <user> <password file> <other user> <other password file>
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { TaskView } from 'tacit/client'
import {
  downloadOutput,
  hashItems,
  planOutput,
  readShared,
  TacitConnection,
  uploadInput,
  verifyReceipt,
  waitForTask,
} from 'tacit/client'

const [url = '', manifestPath = '', functionId = '', left = '', leftPassword = '', right = '', rightPassword = ''] =
  process.argv.slice(2)
const manifest = await readFile(manifestPath, 'utf8')

/** One party. Its items are salted, hashed and encrypted before they are sent, under a key that it makes itself. */
async function enter(user: string, passwordPath: string, items: readonly string[], salt: string) {
  const connection = await TacitConnection.open({ url, manifest })
  const password = (await readFile(passwordPath, 'utf8')).trimEnd()
  const api = connection.as(await connection.login(user, password))
  const list = hashItems(items, salt)
  const input = await api.register_input_file(await uploadInput(connection.files, list.bytes))
  const place = planOutput()
  const output = await api.register_output_file(place)

  /** Assigns this party's data to the task. @returns the digest of the terms with that data */
  async function assign(task_id: string, number: 1 | 2): Promise<string> {
    const inputs = { [`input_data${number}`]: input.data_id }
    const outputs = { [`output_result${number}`]: output.data_id }
    return (await api.assign_data({ task_id, inputs, outputs })).terms_digest
  }

  /** The items that the other party has too. Only this party can open its output. */
  async function openResult({ result }: TaskView, number: 1 | 2): Promise<string[]> {
    await verifyReceipt(result?.receipt ?? '', manifest)
    const tag = result?.output_tags[`output_result${number}`] ?? new Uint8Array()
    return readShared(await downloadOutput(connection.files, place, tag), list.items)
  }

  return { api, assign, openResult, [Symbol.asyncDispose]: () => connection.close() }
}

// Whoever knows the salt could try items one by one, so the parties keep it from the platform.
const salt = randomBytes(16).toString('hex')
await using one = await enter(left, leftPassword, ['ann', 'ben', 'cid'], salt)
await using two = await enter(right, rightPassword, ['ben', 'cid', 'dan'], salt)

const { task_id } = await one.api.create_task({
  function_id: functionId,
  inputs: { input_data1: [left], input_data2: [right] },
  outputs: { output_result1: [left], output_result2: [right] },
})
await one.assign(task_id, 1)
const terms_digest = await two.assign(task_id, 2)
// Each party approves exactly these terms: if anything changed in between, its approval would be refused.
await one.api.approve_task({ task_id, terms_digest })
await two.api.approve_task({ task_id, terms_digest })
await one.api.invoke_task({ task_id })

const shared = await one.openResult(await waitForTask(one.api, task_id), 1)
const sharedToo = await two.openResult(await waitForTask(two.api, task_id), 2)
process.stdout.write(`${left} has in common with ${right}: ${shared.sort().join(', ')}\n`)
process.stdout.write(`${right} has in common with ${left}: ${sharedToo.sort().join(', ')}\n`)
