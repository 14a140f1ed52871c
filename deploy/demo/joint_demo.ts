/**
 * The joint computation of the demo: two data owners who do not trust each other find out which customers they share,
 * and nothing else. Everything happens as the parties themselves would do it: through the SDK, on a running deployment.
 *
 * This drawer holds what `npm run demo` does once the platform runs, and the lists that it does it with.
 */
import { randomBytes } from 'node:crypto'
import { builtinSpecs } from '../../actors/builtins/index.ts'
import type { TaskView } from '../../messages/index.ts'
import { defined, Refusal } from '../../messages/index.ts'
import type { Api, HashedList, TacitConnection } from '../../client/index.ts'
import {
  createFileCrypto,
  downloadOutput,
  hashItems,
  planOutput,
  readShared,
  uploadInput,
  verifyReceipt,
  waitForTask,
} from '../../client/index.ts'

export interface JointDemoOptions {
  /** Opens a connection over which the platform has proven itself; the caller closes it. */
  connect: () => Promise<TacitConnection>
  manifest: string
  adminPassword: string
  /** Each party's items, in any order. */
  left: readonly string[]
  right: readonly string[]
  say: (text: string) => void
  /** Cancels the computation. */
  signal?: AbortSignal
}

export interface JointDemoResult {
  status: TaskView['state']
  taskId: string
  /** The function's return value. */
  result: string
  /** What a comparison of the two lists in the clear gives. */
  expected: number
  receiptVerified: boolean
  refused: { what: string; code: string; message: string }[]
  services: TacitConnection['platform']['services']
  natsVersion: string
  /** Each party's own items that the other party has too, in the order of their hashes. */
  leftShared: string[]
  rightShared: string[]
}

interface Party {
  id: string
  api: Api
  connection: TacitConnection
  list: HashedList
  output: ReturnType<typeof planOutput>
  inputId: string
  outputId: string
}

export async function runJointDemo(options: JointDemoOptions): Promise<JointDemoResult> {
  const { say, connect } = options
  await using admin = await connect()
  const { services, measurement } = admin.platform
  say(
    `the platform proved itself: coordinator ${measurement.slice(0, 16)}…, ` +
      `${services.reduce((sum, { members }) => sum + members, 0)} members admitted`,
  )
  const passwords = await registerUsers(admin, options.adminPassword)
  say('registered alice and bob, two data owners of two organisations, and fay, a function owner')

  await using fay = await connect()
  const functionApi = fay.as(await fay.login('fay', passwords.fay))
  const { function_id } = await functionApi.register_function({
    ...builtinSpecs['builtin-ordered-set-intersect']!,
    public: true,
  })
  say(`fay registered builtin-ordered-set-intersect as ${function_id}`)

  // The two parties agree on a salt. The platform never learns it, so it cannot guess the items from their hashes.
  const salt = randomBytes(16).toString('hex')
  await using aliceConnection = await connect()
  await using bobConnection = await connect()
  const alice = await enter(aliceConnection, 'alice', passwords.alice, hashItems(options.left, salt))
  const bob = await enter(bobConnection, 'bob', passwords.bob, hashItems(options.right, salt))
  say(
    `alice (${alice.list.items.length} items) and bob (${bob.list.items.length} items) hashed, encrypted and ` +
      'uploaded their lists',
  )

  const { task_id } = await alice.api.create_task({
    function_id,
    arguments: { order: 'ascending' },
    inputs: { input_data1: [alice.id], input_data2: [bob.id] },
    outputs: { output_result1: [alice.id], output_result2: [bob.id] },
  })
  const staleDigest = (await bob.api.get_task({ task_id })).terms_digest
  await alice.api.assign_data({
    task_id,
    inputs: { input_data1: alice.inputId },
    outputs: { output_result1: alice.outputId },
  })
  const { terms_digest } = await bob.api.assign_data({
    task_id,
    inputs: { input_data2: bob.inputId },
    outputs: { output_result2: bob.outputId },
  })
  say(`both assigned their data to ${task_id}; its terms are ${terms_digest.slice(0, 16)}…`)

  const refused = [
    await expectRefusal('approval of stale terms', bob.api.approve_task({ task_id, terms_digest: staleDigest })),
  ]
  say(`bob's approval of terms that are no longer the task's was refused: ${refused[0]?.code}`)
  await bob.api.approve_task({ task_id, terms_digest })
  await alice.api.approve_task({ task_id, terms_digest })
  say('both approved the same terms')

  await alice.api.invoke_task({ task_id })
  const onChange = ({ state, reason }: Pick<TaskView, 'state' | 'reason'>) => say(`  ${state}: ${reason}`)
  const until = defined({ signal: options.signal })
  const [task, seenByBob] = await Promise.all([
    waitForTask(alice.api, task_id, { onChange, ...until }),
    waitForTask(bob.api, task_id, until),
  ])

  const leftShared = readShared(await open(alice, task, 'output_result1'), alice.list.items)
  const rightShared = readShared(await open(bob, seenByBob, 'output_result2'), bob.list.items)
  say(`both opened their output: they share ${leftShared.length} items, and neither learned anything else`)
  await verifyReceipt(task.result?.receipt ?? '', options.manifest)
  await verifyReceipt(seenByBob.result?.receipt ?? '', options.manifest)
  say('both verified the receipt against the manifest, offline')

  const rightItems = new Set(options.right)
  return {
    status: task.state,
    taskId: task_id,
    result: Buffer.from(task.result?.return_value ?? []).toString(),
    expected: new Set(options.left.filter((item) => rightItems.has(item))).size,
    receiptVerified: true,
    refused,
    services,
    natsVersion: admin.brokerVersion,
    leftShared,
    rightShared,
  }
}

async function registerUsers(admin: TacitConnection, adminPassword: string) {
  const { token: session } = await admin.login('admin', adminPassword)
  const passwords = { alice: newPassword(), bob: newPassword(), fay: newPassword() }
  const register = admin.authentication.user_register
  await register({ session, id: 'alice', password: passwords.alice, role: 'DataOwner', attribute: 'bank' })
  await register({ session, id: 'bob', password: passwords.bob, role: 'DataOwner', attribute: 'insurer' })
  await register({ session, id: 'fay', password: passwords.fay, role: 'FunctionOwner' })
  return passwords
}

async function enter(connection: TacitConnection, id: string, password: string, list: HashedList): Promise<Party> {
  const api = connection.as(await connection.login(id, password))
  const input = await api.register_input_file(
    await uploadInput(connection.files, list.bytes, createFileCrypto('aes-gcm-256')),
  )
  const output = planOutput(createFileCrypto('aes-gcm-256'))
  const { data_id: outputId } = await api.register_output_file(output)
  return { id, api, connection, list, output, inputId: input.data_id, outputId }
}

function open(party: Party, task: TaskView, name: string): Promise<Uint8Array> {
  const tag = task.result?.output_tags[name]
  if (tag === undefined) throw new Refusal('not_found', `the task did not write ${name}`)
  return downloadOutput(party.connection.files, party.output, tag)
}

async function expectRefusal(what: string, attempt: Promise<unknown>): Promise<JointDemoResult['refused'][number]> {
  try {
    await attempt
  } catch (error) {
    if (error instanceof Refusal) return { what, code: error.code, message: error.message }
    throw error
  }
  throw new Error(`${what} was accepted`)
}

function newPassword(): string {
  return randomBytes(18).toString('base64url')
}
