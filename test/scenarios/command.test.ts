import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SERVICES } from '../../messages/index.ts'
import type { CommandEnd, RunningCommand } from '../support/command.ts'
import { documentOf, runCommand, startCommand } from '../support/command.ts'
import { eventually, findMembers } from '../support/deployment.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

describe('parties use the platform by the tacit command alone', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let up: RunningCommand
  let url: string
  let environment: Record<string, string>
  const path = (name: string) => join(folder.path, name)
  const run = (words: string[], input?: string) =>
    runCommand(words, { environment, folder: folder.path, ...(input === undefined ? {} : { input }) })
  /** Runs a command that is to succeed, and gives its document. */
  const done = async (...words: string[]) => documentOf(await expectDone(run([...words, '--json'])))
  const as = (user: string, ...words: string[]) => done('--as', user, ...words)

  beforeAll(async () => {
    folder = await temporaryFolder()
    environment = { TACIT_STATE: path('state'), TACIT_HOME: path('home') }
    up = startCommand(['up', '--workers', '1', '--allow-folder', path('files'), '--json'], { environment })
    url = String(documentOf({ stdout: await up.said('stdout', /\n$/) })['nats'])
    const passwordFile = await readFile(path('state/admin-password.txt'), 'utf8')
    await writeFile(path('admin.pw'), `${/^password: (.+)$/m.exec(passwordFile)?.[1]}\n`)
    await done('login', 'admin', '--password-file', path('admin.pw'))
    for (const [user, role] of Object.entries({ alice: 'DataOwner', bob: 'DataOwner', fay: 'FunctionOwner' })) {
      await writeFile(path(`${user}.pw`), `the long password of ${user}\r\n`)
      const organisation = role === 'DataOwner' ? ['--attribute', `${user}-org`] : []
      const words = ['user', 'register', user, '--role', role, ...organisation, '--password-file', path(`${user}.pw`)]
      expect(await as('admin', ...words)).toMatchObject({ user, role })
    }
    // Through a pipe as well as from a file.
    await expectDone(run(['login', 'alice'], 'the long password of alice\n'))
    await Promise.all(['bob', 'fay'].map((user) => done('login', user, '--password-file', path(`${user}.pw`))))
  }, 60_000)
  afterAll(async () => {
    up.signal('SIGINT')
    await up.ended
    await folder[Symbol.asyncDispose]()
  })

  /** Encrypts and registers the user's list and a place for his result. */
  async function bringList(user: string, items: string[]): Promise<{ input: string; output: string }> {
    await writeFile(path(`${user}.txt`), items.map((item) => `${item}\n`).join(''))
    await done('data', 'encrypt', path(`${user}.txt`), path(`${user}.enc`), '--key-file', path(`${user}.key`))
    const input = await as(user, 'data', 'register', '--input', path(`${user}.enc`), '--key-file', path(`${user}.key`))
    const output = await as(user, 'data', 'register', '--output', '--key-file', path(`${user}-result.key`))
    return { input: String(input['data_id']), output: String(output['data_id']) }
  }

  test('a task of two parties, from their lists to their results', { timeout: 60_000 }, async () => {
    const registered = await as('fay', 'function', 'register', '--builtin', 'builtin-ordered-set-intersect', '--public')
    const fid = String(registered['function_id'])
    const [alice, bob] = await Promise.all([
      bringList('alice', ['ann', 'ben', 'cid']),
      bringList('bob', ['ben', 'cid', 'dan', 'eve']),
    ])
    const declared = ['--input', 'input_data1=alice', '--input', 'input_data2=bob']
    const results = ['--output', 'output_result1=alice', '--output', 'output_result2=bob']
    const created = await as('alice', 'task', 'create', '--function', fid, ...declared, ...results)
    const task = String(created['task_id'])
    const assign = (user: string, number: number, { input, output }: typeof alice) =>
      as(
        user,
        'task',
        'assign',
        task,
        '--input',
        `input_data${number}=${input}`,
        '--output',
        `output_result${number}=${output}`,
      )
    await assign('alice', 1, alice)
    const { terms_digest } = (await assign('bob', 2, bob))['task'] as { terms_digest: string }
    await as('bob', 'task', 'approve', task, '--terms-digest', terms_digest)
    expect(await as('alice', 'task', 'approve', task)).toMatchObject({ task: { state: 'Approved' } })

    const invoked = await expectDone(run(['--as', 'alice', 'task', 'invoke', task, '--wait', '--json']))
    expect(documentOf(invoked)).toMatchObject({ task: { task_id: task, state: 'Finished' } })
    expect(invoked.stderr).toMatch(/^Staged: .*\n(?:Running: .*\n)?Finished: .*\n$/)
    expect(await as('bob', 'task', 'get', task)).toMatchObject({
      task: { state: 'Finished', approved_by: ['alice', 'bob'] },
    })
    expect(await as('bob', 'task', 'watch', task)).toMatchObject({ task: { state: 'Finished' } })
    expect(await as('bob', 'task', 'list', '--only', 'Finished')).toMatchObject({ tasks: [{ task_id: task }] })
    expect(await as('fay', 'function', 'list')).toMatchObject({ functions: [{ function_id: fid }] })

    for (const [user, lines] of Object.entries({ alice: '0\n1\n1\n', bob: '1\n1\n0\n0\n' })) {
      const opened = await as(user, 'data', 'decrypt', path(`${user}-result.key`), path(`${user}.out`), '--task', task)
      expect(opened).toMatchObject({ bytes: lines.length })
      expect(await readFile(path(`${user}.out`), 'utf8')).toBe(lines)
    }
    expect(await as('bob', 'receipt', 'verify', '--task', task)).toMatchObject({
      verified: true,
      claims: { task_id: task },
    })
    const { task: seen } = (await as('alice', 'task', 'get', task)) as { task: { result: { receipt: string } } }
    await writeFile(path('receipt.json'), seen.result.receipt)
    // Offline: it needs neither a session nor a broker, only the pinned manifest.
    const offline = ['--state', path('nowhere'), '--manifest', path('state/manifest.json')]
    expect(await done(...offline, 'receipt', 'verify', path('receipt.json'))).toMatchObject({ verified: true })
    await writeFile(path('forged.json'), seen.result.receipt.replace(/"receipt":"(.)/, '"receipt":"f'))
    expectFailed(await run([...offline, 'receipt', 'verify', path('forged.json'), '--json']), 4, 'receipt_invalid')
  })

  test('a local file may have the layout of the ancestor', async () => {
    await writeFile(path('old.txt'), 'x'.repeat(10_000))
    const key = ['--key-file', path('old.key')]
    await done('data', 'encrypt', path('old.txt'), path('old.enc'), ...key, '--scheme', 'teaclave-file-128')
    expect((await stat(path('old.enc'))).size).toBe(4 * 4096)
    await done('data', 'decrypt', path('old.enc'), path('old.out'), ...key)
    expect(await readFile(path('old.out'), 'utf8')).toBe('x'.repeat(10_000))
  })

  test('an input that is no secret needs no key file, and says by its name that it is raw', async () => {
    await writeFile(path('public.txt'), 'for everybody')
    expect(await as('alice', 'data', 'register', '--raw', path('public.txt'))).toMatchObject({
      data_id: expect.stringMatching(/^input-/) as string,
    })
    const twice = ['data', 'register', '--raw', path('public.txt'), '--output', '--as', 'alice', '--json']
    expectFailed(await run(twice), 2, 'invalid_request')
    expectFailed(await run(['data', 'register', '--output', '--as', 'alice', '--json']), 2, 'invalid_request')
  })

  test('files may lie where the operator allows it, outside of the object store', { timeout: 30_000 }, async () => {
    const urlOf = (name: string) => pathToFileURL(path(`files/${name}`)).href
    const key = (name: string) => ['--key-file', path(`${name}.key`)]
    await mkdir(path('files'))
    await writeFile(path('own.txt'), 'aa\nbb\n')
    await writeFile(path('files/public.txt'), 'bb\ncc\n')
    await done(
      'data',
      'encrypt',
      path('own.txt'),
      path('files/own.enc'),
      ...key('own'),
      '--scheme',
      'teaclave-file-128',
    )
    const register = async (...words: string[]) => String((await as('alice', 'data', 'register', ...words))['data_id'])
    const own = await register('--input', path('files/own.enc'), ...key('own'), '--url', urlOf('own.enc'))
    const open = await register('--raw', path('files/public.txt'), '--url', urlOf('public.txt'))
    const flags = await register('--output', ...key('flags'), '--url', urlOf('flags.enc'))
    const others = await register('--output', ...key('others'))
    const { function_id } = await as(
      'fay',
      'function',
      'register',
      '--builtin',
      'builtin-ordered-set-intersect',
      '--public',
    )
    const owners = ['--input', 'input_data1=alice', '--input', 'input_data2=alice', '--output', 'output_result1=alice']
    const words = ['--function', String(function_id), ...owners, '--output', 'output_result2=alice', '--allow-raw']
    const task = String((await as('alice', 'task', 'create', ...words))['task_id'])
    const inputs = ['--input', `input_data1=${own}`, '--input', `input_data2=${open}`]
    const outputs = ['--output', `output_result1=${flags}`, '--output', `output_result2=${others}`]
    await as('alice', 'task', 'assign', task, ...inputs, ...outputs)
    await as('alice', 'task', 'invoke', task, '--wait')
    await as('alice', 'data', 'decrypt', path('files/flags.enc'), path('flags.txt'), ...key('flags'), '--task', task)
    expect(await readFile(path('flags.txt'), 'utf8')).toBe('0\n1\n')
    const elsewhere = ['data', 'decrypt', path('flags.key'), path('x'), '--task', task, '--as', 'alice', '--json']
    expectFailed(await run(elsewhere), 2, 'unsupported')
  })

  test('a local file is encrypted and opened again, and its key is for its owner alone', async () => {
    await writeFile(path('secret.txt'), 'for nobody else')
    const key = ['--key-file', path('secret.key')]
    await done('data', 'encrypt', path('secret.txt'), path('secret.enc'), ...key, '--scheme', 'aes-gcm-128')
    expect(await readFile(path('secret.enc'), 'latin1')).not.toContain('nobody')
    expect((await stat(path('secret.key'))).mode & 0o077).toBe(0)
    await done('data', 'decrypt', path('secret.enc'), path('secret.out'), ...key)
    expect(await readFile(path('secret.out'), 'utf8')).toBe('for nobody else')
    await writeFile(path('secret.enc'), 'something else, and long enough')
    expectFailed(await run(['data', 'decrypt', path('secret.enc'), path('x'), ...key, '--json']), 4, 'tag_mismatch')
  })

  test('a canceled task is shown as what it is, to those who watch it too', async () => {
    const spec = path('echo.json')
    await writeFile(
      spec,
      JSON.stringify({
        name: 'builtin-echo',
        executor: 'builtin',
        public: true,
        arguments: [{ key: 'message', overridable: true }],
      }),
    )
    const { function_id } = await as('fay', 'function', 'register', '--spec', spec)
    const words = [
      'task',
      'create',
      '--function',
      String(function_id),
      '--argument',
      'message=hello',
      '--idempotency-key',
      'k',
    ]
    const { task_id } = await as('alice', ...words)
    expect(await as('alice', ...words)).toMatchObject({ task_id })
    const id = String(task_id)
    const watching = startCommand(['--as', 'alice', 'task', 'watch', id, '--json'], { environment })
    expect(await as('alice', 'task', 'cancel', id)).toMatchObject({
      task: { state: 'Canceled', reason: 'canceled by alice' },
    })
    const watched = await watching.ended
    expectFailed(watched, 5, 'canceled')
    expect(documentOf(watched)).toMatchObject({ task: { task_id: id, state: 'Canceled' } })
    expectFailed(await run(['--as', 'alice', 'task', 'invoke', id, '--wait', '--json']), 2, 'task_ended')
  })

  test('Ctrl-C gives up waiting, not the task', async () => {
    const { function_id } = await as('fay', 'function', 'register', '--builtin', 'builtin-echo', '--public')
    const { task_id } = await as('alice', 'task', 'create', '--function', String(function_id))
    const watching = startCommand(['--as', 'alice', 'task', 'watch', String(task_id)], { environment })
    await watching.said('stderr', /^Approved: /)
    watching.signal('SIGINT')
    expect((await watching.ended).code).toBe(130)
    expect(await as('alice', 'task', 'get', String(task_id))).toMatchObject({ task: { state: 'Approved' } })
  })

  test('for people, a command says what they need next', async () => {
    const { stdout, stderr } = await expectDone(
      run(['--as', 'fay', 'function', 'register', '--builtin', 'builtin-echo']),
    )
    expect(stdout).toMatch(/^function-[0-9a-f-]{36}\n$/)
    expect(stderr).toBe('')
    const refused = await run(['--as', 'alice', 'task', 'get', 'task-1'])
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(/^error: .*task_id.* \(invalid_request\)\nhint: .*tacit schema frontend.get_task/)
  })

  test('what goes wrong has a code, a text, a next step and an exit code', { timeout: 60_000 }, async () => {
    const nobody = 'task-00000000-0000-4000-8000-000000000000'
    await writeFile(path('wrong.pw'), 'not the password')
    await writeFile(path('not.json'), '{')
    const pinned = await readFile(path('state/manifest.json'), 'utf8')
    await writeFile(path('other.json'), pinned.replaceAll(/[0-9a-f]{64}/g, '0'.repeat(64)))
    const role = ['user', 'register', 'x', '--role']
    const cases: [exit: number, code: string, words: string[]][] = [
      [2, 'not_found', ['--as', 'alice', 'task', 'get', nobody]],
      [2, 'forbidden', ['--as', 'fay', 'data', 'register', '--output', '--key-file', path('fay.key')]],
      [2, 'forbidden', ['--as', 'alice', ...role, 'DataOwner', '--attribute', 'x', '--password-file', path('bob.pw')]],
      [
        2,
        'already_exists',
        ['--as', 'admin', 'user', 'register', 'bob', '--role', 'FunctionOwner', '--password-file', path('bob.pw')],
      ],
      [2, 'unauthenticated', ['--as', 'nobody', 'task', 'list']],
      [2, 'wrong_credentials', ['login', 'alice', '--password-file', path('wrong.pw')]],
      [2, 'invalid_request', ['task', 'list', '--colour', 'red']],
      [2, 'invalid_request', ['make', 'coffee']],
      [2, 'invalid_request', ['task', 'create']],
      [2, 'invalid_request', [...role, 'King', '--password-file', path('bob.pw')]],
      [2, 'invalid_request', ['--as', 'alice', 'task', 'create', '--function', 'f', '--input', 'noequals']],
      [2, 'invalid_request', ['worker', '--slots', 'many']],
      [2, 'invalid_request', ['doctor', '--port', '99999']],
      [2, 'not_found', ['login', 'alice', '--password-file', path('absent')]],
      [2, 'not_found', ['data', 'encrypt', path('absent'), path('y'), '--key-file', path('z')]],
      [2, 'forbidden', ['data', 'encrypt', path('bob.pw'), path('absent/y'), '--key-file', path('z')]],
      [2, 'not_found', ['data', 'register', '--input', path('bob.pw'), '--key-file', path('absent')]],
      [2, 'malformed', ['--as', 'fay', 'function', 'register', '--spec', path('not.json')]],
      [2, 'unknown_method', ['schema', 'frontend.nothing']],
      [2, 'not_found', ['--state', path('nowhere'), 'login', 'alice', '--password-file', path('alice.pw')]],
      [2, 'no_broker', ['--nats', 'nats://127.0.0.1:1', 'login', 'alice', '--password-file', path('alice.pw')]],
      [
        4,
        'platform_untrusted',
        ['--manifest', path('other.json'), 'login', 'alice', '--password-file', path('alice.pw')],
      ],
      [2, 'not_ready', ['doctor']],
    ]
    const ends = await inPairs(cases, ([, , words]) => run([...words, '--json']))
    const found = ends.map((end) => {
      const { error } = documentOf(end) as { error: { code: string } }
      return [end.code, error.code] as const
    })
    expect(found).toEqual(cases.map(([exit, code]) => [exit, code]))
    for (const [index, end] of ends.entries()) expectFailed(end, cases[index]![0], cases[index]![1])
    expect(documentOf(ends.at(-1)!)).toMatchObject({
      ok: false,
      checks: expect.arrayContaining([expect.objectContaining({ ok: false })]),
    })
  })

  test('an admin sees the attested members and revokes one, which is replaced', { timeout: 30_000 }, async () => {
    const { services } = (await done('member', 'list')) as { services: { name: string; measurement: string }[] }
    expect(services.map(({ name }) => name).sort()).toEqual([...SERVICES].sort())
    expect(services.every(({ measurement }) => /^[0-9a-f]{64}$/.test(measurement))).toBe(true)
    const [worker = ''] = (await findMembers(url))['execution'] ?? []
    expectFailed(await run(['--as', 'alice', 'member', 'revoke', worker, '--json']), 2, 'forbidden')
    expect(await as('admin', 'member', 'revoke', worker)).toMatchObject({ member: worker, revoked: true })
    expectFailed(await run(['--as', 'admin', 'member', 'revoke', 'execution-nobody', '--json']), 2, 'not_found')
    await eventually('another worker takes its place', async () =>
      (await findMembers(url))['execution']?.some((member) => member !== worker) === true ? true : undefined,
    )
    const { function_id } = await as('fay', 'function', 'register', '--builtin', 'builtin-echo', '--public')
    const { task_id } = await as('alice', 'task', 'create', '--function', String(function_id))
    expect(await as('alice', 'task', 'invoke', String(task_id), '--wait')).toMatchObject({
      task: { state: 'Finished' },
    })
  })

  test('the methods of the API have schemas that a program can read', async () => {
    const { methods } = (await done('schema')) as { methods: string[] }
    expect(methods).toContain('frontend.create_task')
    const { request, reply } = (await done('schema', 'frontend.create_task')) as Record<string, { type?: string }>
    expect([request?.type, reply?.type]).toEqual(['object', 'object'])
  })
})

async function expectDone(running: Promise<CommandEnd>): Promise<CommandEnd> {
  const end = await running
  expect(end.code, end.stderr).toBe(0)
  return end
}

/** Fails with one document on stdout, and the same for people on stderr. */
function expectFailed(end: CommandEnd, exit: number, code: string): void {
  expect({ code: end.code, document: documentOf(end) }).toMatchObject({
    code: exit,
    document: { error: { code, message: expect.any(String), hint: expect.any(String), advice: expect.any(String) } },
  })
  expect(end.stderr).toMatch(/error: /)
}

/** As many at a time as there are cores on a small machine. */
async function inPairs<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += 2) results.push(...(await Promise.all(items.slice(at, at + 2).map(work))))
  return results
}
