import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { NatsConnection } from '@nats-io/nats-core'
import { headers } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtinSpecs } from '../../actors/builtins/index.ts'
import type { TaskView } from '../../client/index.ts'
import { waitForTask } from '../../client/index.ts'
import { HEADERS } from '../../messages/index.ts'
import type { Party, TestDeployment } from '../support/deployment.ts'
import { invokeTask, registerEcho, startTestDeployment } from '../support/deployment.ts'
import { findNats } from '../support/nats_command.ts'

interface Answer {
  body: Record<string, unknown>
  error?: string
  status?: string
  code?: string
}

describe('with a bare NATS client', () => {
  let platform: TestDeployment
  let guest: NatsConnection
  let echo: string
  let alice: Party
  let bob: Party
  beforeAll(async () => {
    platform = await startTestDeployment({ workers: 1 })
    echo = await registerEcho(platform.admin)
    alice = await platform.register('alice')
    bob = await platform.register('bob')
    guest = await connect({ servers: platform.deployment.natsUrl })
  })
  afterAll(async () => {
    await guest.close()
    await platform.stop()
  })

  const ask = (subject: string, body: unknown, token?: string) => request(guest, subject, JSON.stringify(body), token)
  const logIn = async ({ id, password }: Party) => {
    const { body } = await ask('tacit.authentication.user_login', { id, password })
    return body['token'] as string
  }

  test('a user logs in, and has a task run and its result', async () => {
    const token = await logIn(platform.admin)
    const { body: registered } = await ask(
      'tacit.frontend.register_function',
      { ...builtinSpecs['builtin-echo'], public: true },
      token,
    )
    const { function_id } = registered
    const { body: created } = await ask(
      'tacit.frontend.create_task',
      { function_id, arguments: { message: 'plain' } },
      token,
    )
    const { task_id } = created
    expect(await ask('tacit.frontend.invoke_task', { task_id }, token)).toMatchObject({ body: { state: 'Staged' } })
    let task: Record<string, unknown> = { version: 0 }
    while (task['state'] !== 'Finished') {
      const watch = { task_id, after_version: task['version'], wait_ms: 5_000 }
      task = (await ask('tacit.frontend.watch_task', watch, token)).body
    }
    const { return_value } = task['result'] as { return_value: string }
    expect(Buffer.from(return_value, 'base64').toString()).toBe('plain')
  })

  test('the same message id twice creates one task', async () => {
    const token = await logIn(platform.admin)
    const body = JSON.stringify({ function_id: echo })
    const once = () => request(guest, 'tacit.frontend.create_task', body, token, { 'Nats-Msg-Id': 'once' })
    const [first, second] = [await once(), await once()]
    expect(first.body['task_id']).toMatch(/^task-/)
    expect(second.body).toEqual(first.body)
  })

  test('a wrong password is refused, with the same words as an unknown user', async () => {
    const wrong = await ask('tacit.authentication.user_login', { id: 'alice', password: 'a wrong password' })
    expectRefused(wrong, 'wrong_credentials', '401')
    const unknown = await ask('tacit.authentication.user_login', { id: 'nobody', password: 'a wrong password' })
    expect(unknown).toEqual(wrong)
  })

  test('without a token, or with one that is none, nothing is answered but a refusal', async () => {
    for (const token of [undefined, 'x.y.z', alice.session.token]) {
      expectRefused(await ask('tacit.frontend.list_tasks', {}, token), 'unauthenticated', '401')
    }
  })

  test('a request that does not fit its schema is told which field is wrong', async () => {
    const token = await logIn(alice)
    const answer = await ask('tacit.frontend.create_task', { function_id: 'task-1', arguments: {} }, token)
    expectRefused(answer, 'invalid_request', '400')
    expect(answer.body).toMatchObject({
      field: expect.stringMatching(/function_id$/),
      hint: expect.stringContaining('tacit schema frontend.create_task'),
    })
    const unknown = await ask('tacit.frontend.list_tasks', { colour: 'red' }, token)
    expectRefused(unknown, 'invalid_request', '400')
    expect(unknown.body).toMatchObject({ field: expect.stringMatching(/colour$/) })
    const wrongKey = { url: 'nats-object://files/x', tag: Buffer.alloc(16).toString('base64') }
    const crypto = { scheme: 'aes-gcm-256', key: 'AAAA', iv: Buffer.alloc(12).toString('base64') }
    const file = await ask('tacit.frontend.register_input_file', { ...wrongKey, crypto }, token)
    expectRefused(file, 'invalid_request', '400')
    expect(file.body).toMatchObject({
      field: expect.stringMatching(/crypto\.key$/),
      message: expect.stringContaining('32 bytes'),
    })
  })

  test('a body that is no JSON, and a method that does not exist, are refused as such', async () => {
    const token = await logIn(alice)
    expectRefused(await request(guest, 'tacit.frontend.list_tasks', '{"limit":', token), 'malformed', '400')
    const unknown = await request(guest, 'tacit.frontend.make_coffee', '{}', token)
    expectRefused(unknown, 'unknown_method', '404')
    expect(unknown.body).toMatchObject({ hint: expect.stringContaining('create_task') })
  })

  test("another user's task looks as if there were none", async () => {
    const task_id = await invokeTask(alice, echo, { message: 'mine' })
    await waitForTask(alice.api, task_id)
    const token = await logIn(bob)
    const answer = await ask('tacit.frontend.get_task', { task_id }, token)
    expectRefused(answer, 'not_found', '404')
    const absent = task_id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    const nothing = await ask('tacit.frontend.get_task', { task_id: absent }, token)
    expect(nothing.code).toBe('not_found')
    expect(nothing.body).toEqual(JSON.parse(JSON.stringify(answer.body).replaceAll(task_id, absent)))
    for (const method of ['cancel_task', 'invoke_task', 'watch_task']) {
      expectRefused(await ask(`tacit.frontend.${method}`, { task_id }, token), 'not_found', '404')
    }
  })

  test('an approval of terms that are not the present ones is refused', async () => {
    const { task_id } = await sharedTask(platform, alice, bob)
    const token = await logIn(bob)
    const answer = await ask('tacit.frontend.approve_task', { task_id, terms_digest: '0'.repeat(64) }, token)
    expectRefused(answer, 'stale_terms', '409')
    expect(answer.body).toMatchObject({ hint: expect.any(String) })
    const { body: task } = await ask('tacit.frontend.get_task', { task_id }, token)
    const { terms_digest } = task as unknown as TaskView
    const approved = await ask('tacit.frontend.approve_task', { task_id, terms_digest }, token)
    expect(approved.body).toMatchObject({ approved_by: ['bob'] })
  })

  test('a token of a plain login is of no use in a sealed request', async () => {
    const token = await logIn(alice)
    await expect(alice.connection.as({ token }).list_tasks({})).rejects.toMatchObject({ code: 'unauthenticated' })
    await expect(alice.api.list_tasks({})).resolves.toBeDefined()
  })

  test('the nats command of whoever has it gets the same answers', async () => {
    const { natsUrl } = platform.deployment
    const { id, password } = bob
    const login = { id, password }
    const { token } = await askByCommand(guest, natsUrl, 'tacit.authentication.user_login', login)
    const answer = await askByCommand(guest, natsUrl, 'tacit.frontend.list_tasks', {}, token as string)
    expect(answer).toEqual({ tasks: expect.any(Array) })
    const refused = await askByCommand(guest, natsUrl, 'tacit.frontend.list_tasks', {})
    expect(refused).toMatchObject({ code: 'unauthenticated' })
  })
})

test('a deployment that takes no plain requests says so, and shows everybody the proof of its platform', async () => {
  await using platform = await startTestDeployment({ workers: 0, plainRequests: false })
  const guest = await connect({ servers: platform.deployment.natsUrl })
  const { id, password } = platform.admin
  const login = await request(guest, 'tacit.authentication.user_login', JSON.stringify({ id, password }))
  expectRefused(login, 'plain_not_accepted', '426')
  expectRefused(await request(guest, 'tacit.frontend.list_tasks', '{}', 'a.b.c'), 'plain_not_accepted', '426')
  const nonce = Buffer.alloc(32, 7).toString('base64')
  const proof = await request(guest, 'tacit.coordinator.get_platform', JSON.stringify({ nonce }))
  expect(proof.body).toMatchObject({ manifest: platform.manifest })
  await guest.close()
})

function expectRefused(answer: Answer, code: string, status: string): void {
  expect(answer).toMatchObject({
    code,
    status,
    error: answer.body['message'],
    body: { code, message: expect.any(String) },
  })
}

async function request(
  guest: NatsConnection,
  subject: string,
  body: string,
  token?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const fields = headers()
  if (token !== undefined) fields.set('Authorization', `Bearer ${token}`)
  for (const [name, value] of Object.entries(more)) fields.set(name, value)
  const message = await guest.request(subject, body, { headers: fields, timeout: 15_000 })
  const field = (name: string) => message.headers?.get(name) ?? ''
  return {
    body: message.json<Record<string, unknown>>(),
    ...(field(HEADERS.error) === ''
      ? {}
      : { error: field(HEADERS.error), status: field(HEADERS.errorCode), code: field(HEADERS.code) }),
  }
}

/** A task of two parties that waits for approvals. */
async function sharedTask({ admin }: TestDeployment, left: Party, right: Party): Promise<{ task_id: string }> {
  const { function_id } = await admin.api.register_function({
    ...builtinSpecs['builtin-ordered-set-intersect']!,
    public: true,
  })
  const key = { scheme: 'aes-gcm-256', key: new Uint8Array(32), iv: new Uint8Array(12) } as const
  const place = (name: string) => ({ url: `nats-object://files/${name}`, crypto: key })
  const { task_id } = await left.api.create_task({
    function_id,
    inputs: { input_data1: [left.id], input_data2: [left.id] },
    outputs: { output_result1: [left.id], output_result2: [right.id] },
  })
  const tag = new Uint8Array(16)
  const inputs = {
    input_data1: (await left.api.register_input_file({ ...place('one'), tag })).data_id,
    input_data2: (await left.api.register_input_file({ ...place('two'), tag })).data_id,
  }
  await left.api.assign_data({
    task_id,
    inputs,
    outputs: { output_result1: (await left.api.register_output_file(place('three'))).data_id },
  })
  await right.api.assign_data({
    task_id,
    outputs: { output_result2: (await right.api.register_output_file(place('four'))).data_id },
  })
  return { task_id }
}

/** By the `nats` command where it is installed, else by the client library. */
async function askByCommand(
  guest: NatsConnection,
  url: string,
  subject: string,
  body: unknown,
  token?: string,
): Promise<Record<string, unknown>> {
  const nats = await findNats()
  if (nats === undefined) return (await request(guest, subject, JSON.stringify(body), token)).body
  const authorization = token === undefined ? [] : ['-H', `Authorization: Bearer ${token}`]
  const words = ['--server', url, 'req', '--raw', ...authorization, subject, JSON.stringify(body)]
  const { stdout } = await promisify(execFile)(nats, words)
  return JSON.parse(stdout) as Record<string, unknown>
}
