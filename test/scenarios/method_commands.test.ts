/** A platform far away, used by its context: every method of the API is called by the command that the table names. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { METHOD_COMMANDS } from '../../client/cli/commands/method_commands.ts'
import { documentOf, runCommand, startCommand } from '../support/command.ts'
import { findMembers } from '../support/deployment.ts'
import { expectDone, expectFailed, PartyCommands } from '../support/party_commands.ts'

describe('parties who keep the platform as a context', () => {
  const parties = new PartyCommands()
  const { path } = parties
  beforeAll(() => parties.open(), 60_000)
  afterAll(() => parties.close())

  /** On a machine of their own: nothing but a configuration folder, which XDG_CONFIG_HOME names. */
  const place = (environment: Record<string, string> = {}) => ({
    environment: { XDG_CONFIG_HOME: path('config'), ...environment },
    folder: path('files'),
  })
  const run = (words: readonly string[], environment: Record<string, string> = {}, input = '') =>
    runCommand(words, { ...place(environment), input })
  const done = async (...words: string[]) => documentOf(await expectDone(run([...words, '--json'])))
  const as = (user: string, ...words: string[]) => done('--as', user, ...words)
  const login = (user: string) => done('login', user, '--password-file', path(`${user}.pw`))

  test('pin its manifest, and go on by its name alone', { timeout: 60_000 }, async () => {
    await mkdir(path('files'))
    const manifest = path('files/pinned.json')
    const pinned = await readFile(path('state/manifest.json'), 'utf8')
    await writeFile(manifest, pinned)
    const words = ['context', 'add', 'house', '--nats', parties.url, '--manifest', 'pinned.json', '--user', 'alice']
    expect(await done(...words)).toMatchObject({ context: { name: 'house', manifest, user: 'alice' } })
    expectFailed(await run([...words, '--json']), 2, 'already_exists')
    // Not in use yet: there is no deployment in the working directory.
    expectFailed(await run(['login', '--password-file', path('alice.pw'), '--json']), 2, 'not_found')
    expect(await done('context', 'use', 'house')).toMatchObject({ context: 'house' })
    expect(await done('login', '--password-file', path('alice.pw'))).toMatchObject({ user: 'alice' })
    expect(await done('task', 'list')).toMatchObject({ tasks: [] })
    await expect(readFile(path('config/tacit/sessions/house/alice.json'), 'utf8')).resolves.toContain('"alice"')

    // Another manifest in the same file is found out before anything is sent.
    await writeFile(manifest, `${pinned}\n`)
    expectFailed(await run(['task', 'list', '--json']), 4, 'platform_untrusted')
    expect(await done('context', 'show')).toMatchObject({ context: { manifest_state: 'changed', in_use: true } })
    await writeFile(manifest, pinned.replaceAll(/[0-9a-f]{64}/g, '0'.repeat(64)))
    await done('context', 'add', 'house', '--replace')
    expectFailed(await run(['task', 'list', '--json']), 4, 'platform_untrusted')
    await writeFile(manifest, pinned)
    await done('context', 'add', 'house', '--replace')
    expect(await done('task', 'list')).toMatchObject({ tasks: [] })

    // A second one, for another user, whose session is kept elsewhere.
    const token = path('files/bob.token')
    await done(...words.slice(0, 2), 'bobs', ...words.slice(3, -1), 'bob', '--token-file', 'bob.token')
    await done('--context', 'bobs', 'login', '--password-file', path('bob.pw'))
    await expect(readFile(token, 'utf8')).resolves.toContain('"bob"')
    expect(await done('context', 'list')).toMatchObject({
      contexts: [
        { name: 'bobs', in_use: false, token_file: token },
        { name: 'house', in_use: true },
      ],
    })
    expectFailed(await run(['--context', 'bobs', '--as', 'alice', 'task', 'list', '--json']), 2, 'unauthenticated')
    expect(documentOf(await expectDone(run(['task', 'list', '--json'], { TACIT_CONTEXT: 'bobs' })))).toMatchObject({
      tasks: [],
    })
    expect(await done('context', 'remove', 'bobs')).toMatchObject({ removed: true })
    expectFailed(await run(['--context', 'bobs', 'task', 'list', '--json']), 2, 'not_found')
  })

  test('reach every method by a command', { timeout: 120_000 }, async () => {
    await Promise.all(['admin', 'bob', 'fay'].map(login))
    await writeFile(path('files/echo.json'), JSON.stringify(ECHO))
    await writeFile(path('files/list.txt'), 'ann\nben\n')

    // Users.
    await writeFile(path('dora.pw'), 'the first password of dora\n')
    const dora = ['--role', 'DataOwner', '--attribute', 'lab', '--password-file', path('dora.pw')]
    await as('admin', 'user', 'register', 'dora', ...dora)
    await login('dora')
    await as('admin', 'user', 'update', 'dora', '--attribute', 'clinic')
    expect(await as('admin', 'user', 'list', '--attribute', 'clinic')).toMatchObject({
      users: [{ id: 'dora', role: 'DataOwner', attribute: 'clinic' }],
    })
    expectFailed(await run(['--as', 'dora', 'task', 'list', '--json']), 2, 'unauthenticated')
    await login('dora')
    const typed = 'the first password of dora\nthe second password of dora\n'
    await expectDone(run(['--as', 'dora', 'user', 'change-password'], {}, typed))
    expect(await as('dora', 'task', 'list')).toMatchObject({ tasks: [] })
    const { password } = await as('admin', 'user', 'reset-password', 'dora')
    await writeFile(path('dora.pw'), String(password))
    await login('dora')
    expect(await as('dora', 'logout')).toMatchObject({ user: 'dora', logged_out: true })
    expectFailed(await run(['--as', 'dora', 'task', 'list', '--json']), 2, 'unauthenticated')
    expect(await as('admin', 'user', 'delete', 'dora')).toMatchObject({ deleted: true })

    // Functions.
    const register = ['function', 'register', '--spec', 'echo.json', '--allow', 'alice', '--quota', '3']
    const { function_id: id } = (await as('fay', ...register)) as { function_id: string }
    expect(await as('alice', 'function', 'get', id)).toMatchObject({ function: { owner: 'fay', public: false } })
    expect(await as('fay', 'function', 'get', id)).toMatchObject({ function: { allowlist: ['alice'], quota: 3 } })
    expectFailed(await run(['--as', 'bob', 'function', 'get', id, '--json']), 2, 'not_found')
    await as('fay', 'function', 'update', id, '--spec', 'echo.json', '--public')
    expect(await as('bob', 'function', 'list', '--owner', 'fay')).toMatchObject({ functions: [{ function_id: id }] })
    expect(await as('bob', 'function', 'list', '--owner', 'alice')).toMatchObject({ functions: [] })

    // Data: an output of alice's own, one of two owners, and an input.
    const output = String((await as('alice', 'data', 'register', '--output', '--key-file', 'o.key'))['data_id'])
    const moved = String((await as('alice', 'data', 'move', output, 'nats-object://files/elsewhere'))['data_id'])
    expect(await as('alice', 'data', 'get', moved)).toMatchObject({ data: { owners: ['alice'] } })
    expect(await as('alice', 'data', 'list', '--not-produced')).toMatchObject({ data: [{ data_id: moved }] })
    expect(await as('alice', 'data', 'list', '--produced')).toMatchObject({ data: [] })
    await as('alice', 'data', 'fuse', 'alice', 'bob')
    const encrypted = await run(['data', 'encrypt', 'list.txt', 'list.enc', '--key-file', 'list.key'])
    expect(encrypted).toMatchObject({ code: 0, stderr: 'encrypting list.txt: 100 % of 8 bytes\n' })
    const uploaded = await run(['data', 'register', '--input', 'list.enc', '--key-file', 'list.key'])
    expect(uploaded).toMatchObject({
      code: 0,
      stderr: 'checking list.enc: 100 % of 24 bytes\nuploading list.enc: 100 % of 24 bytes\n',
    })
    const input = uploaded.stdout.trim()
    const elsewhere = String((await as('alice', 'data', 'move', input, 'nats-object://files/copy'))['data_id'])
    await as('alice', 'data', 'get', elsewhere)
    await as('alice', 'data', 'delete', elsewhere)

    // Tasks: one that joins two lists, whose result is passed on; one that is canceled.
    const joined = await join(input)
    expect(await as('alice', 'data', 'pass-on', joined.output)).toMatchObject({
      data_id: expect.stringMatching(/^input-/),
    })
    const when = ['--deadline', '2099-01-01', '--retries', '2']
    const echo = ['task', 'create', '--function', id, '--argument', 'message=x', ...when]
    const { task_id } = (await as('alice', ...echo)) as { task_id: string }
    expect(await as('alice', 'task', 'get', task_id)).toMatchObject({ task: { terms: { options: { retries: 2 } } } })
    expect(
      await as('alice', 'task', 'list', '--creator', 'alice', '--only', 'Approved', '--from', '2020-01-01'),
    ).toMatchObject({
      tasks: [{ task_id }],
    })
    await as('alice', 'task', 'cancel', task_id)
    expect(await as('fay', 'function', 'usage', id)).toMatchObject({ runs: 0 })
    await as('admin', 'function', 'disable', id)
    await as('fay', 'function', 'delete', id)

    // The platform.
    expect(await as('admin', 'policy', 'put')).toMatchObject({ version: 1 })
    expect(await as('admin', 'policy', 'show', '1')).toMatchObject({ policy: { version: 1, documents: {} } })
    expect(await as('admin', 'audit', 'query', '--limit', '1')).toMatchObject({ entries: [{}] })
    expect(await as('admin', 'audit', 'verify')).toMatchObject({ intact: true })
    await done('member', 'list')
    const [worker = ''] = (await findMembers(parties.url))['execution'] ?? []
    await as('admin', 'member', 'revoke', worker)

    const asked = await askedMethods()
    expect(Object.keys(METHOD_COMMANDS).filter((method) => !asked.has(method))).toEqual([])
  })

  /** Alice and bob find out what they share; alice waits at her approval until all is done. */
  async function join(input: string): Promise<{ output: string }> {
    const { function_id } = await as(
      'fay',
      'function',
      'register',
      '--builtin',
      'builtin-ordered-set-intersect',
      '--public',
    )
    await writeFile(path('files/bob.txt'), 'ben\ncid\n')
    const raw = String((await as('bob', 'data', 'register', '--raw', 'bob.txt'))['data_id'])
    const outputOf = async (user: string) =>
      String((await as(user, 'data', 'register', '--output', '--key-file', `${user}-result.key`))['data_id'])
    const [alices, bobs] = [await outputOf('alice'), await outputOf('bob')]
    const inputs = ['--input', 'input_data1=alice', '--input', 'input_data2=bob', '--allow-raw']
    const outputs = ['--output', 'output_result1=alice', '--output', 'output_result2=bob']
    const created = await as('alice', 'task', 'create', '--function', String(function_id), ...inputs, ...outputs)
    const task = String(created['task_id'])
    await as('alice', 'task', 'assign', task, '--input', `input_data1=${input}`, '--output', `output_result1=${alices}`)
    await as('bob', 'task', 'assign', task, '--input', `input_data2=${raw}`, '--output', `output_result2=${bobs}`)
    await as('alice', 'task', 'approve', task)
    // Bob's whole part from here on: he approves, and waits; and he waits once more, for what he may open.
    const approving = startCommand(['--as', 'bob', 'task', 'approve', task, '--wait', '--json'], place())
    const opening = run(['--as', 'bob', 'data', 'decrypt', 'bob-result.key', 'bob.out', '--task', task, '--wait'])
    await approving.said('stderr', /^Approved: /)
    await as('alice', 'task', 'invoke', task, '--wait')
    const approved = await expectDone(approving.ended)
    expect(documentOf(approved)).toMatchObject({ task: { state: 'Finished' } })
    expect(approved.stderr).toMatch(/^Approved: .*\n(?:.*\n)*Finished: .*\n$/)
    expect((await expectDone(opening)).stderr).toMatch(/Finished: .*\ndownloading output_result2: 100 % of 20 bytes\n$/)
    expect(await readFile(path('files/bob.out'), 'utf8')).toBe('1\n0\n')
    return { output: alices }
  }

  /** What the services count for whoever asks by "nats micro stats". */
  async function askedMethods(): Promise<ReadonlySet<string>> {
    const connection = await connect({ servers: parties.url })
    const asked = new Set<string>()
    for await (const message of await connection.requestMany('$SRV.STATS', '', { maxWait: 2_000, strategy: 'stall' })) {
      const { name, endpoints } = message.json<{ name: string; endpoints: { name: string; num_requests: number }[] }>()
      for (const endpoint of endpoints) if (endpoint.num_requests > 0) asked.add(`${name}.${endpoint.name}`)
    }
    await connection.close()
    return asked
  }
})

const ECHO = {
  name: 'builtin-echo',
  executor: 'builtin',
  public: false,
  arguments: [{ key: 'message', overridable: true }],
}
