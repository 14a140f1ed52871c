import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SERVICES } from '../../messages/index.ts'
import { documentOf } from '../support/command.ts'
import { eventually, findMembers } from '../support/deployment.ts'
import { expectDone, expectFailed, PartyCommands } from '../support/party_commands.ts'

describe('parties use the platform by the tacit command alone', () => {
  const parties = new PartyCommands()
  const { path, run, begin, done, as } = parties
  beforeAll(() => parties.open(), 60_000)
  afterAll(() => parties.close())

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

    // Data and functions are looked after while others use them.
    expect(await as('alice', 'data', 'get', alice.output)).toMatchObject({ data: { data_id: alice.output } })
    expect(((await as('alice', 'data', 'list', '--kind', 'input'))['data'] as unknown[]).length).toBe(1)
    const passedOn = String((await as('alice', 'data', 'pass-on', alice.output))['data_id'])
    const moved = await as('alice', 'data', 'move', passedOn, 'nats-object://files/elsewhere')
    expect(await as('alice', 'data', 'delete', String(moved['data_id']))).toMatchObject({ deleted: true })
    const fused = String((await as('alice', 'data', 'fuse', 'alice', 'bob'))['data_id'])
    expect(await as('bob', 'data', 'get', fused)).toMatchObject({ data: { owners: ['alice', 'bob'] } })
    expect(await as('fay', 'function', 'usage', fid)).toMatchObject({ runs: 1 })
    await as('fay', 'function', 'update', fid, '--builtin', 'builtin-ordered-set-intersect', '--public')
    expect(await as('admin', 'function', 'disable', fid)).toMatchObject({ disabled: true })
    expect(await as('fay', 'function', 'delete', fid)).toMatchObject({ deleted: true })

    // What happened is in the audit log, the refusal included, and nothing of what the lists hold.
    expect(documentOf(await run(['--as', 'bob', 'audit', 'query', '--json']))).toMatchObject({
      error: { code: 'forbidden' },
    })
    const query = async (...words: string[]) =>
      (await as('admin', 'audit', 'query', ...words))['entries'] as { method: string; outcome: string; user: string }[]
    const refused = await eventually('the refusal is in the log', async () => {
      const entries = await query('--user', 'bob', '--outcome', 'forbidden')
      return entries.length > 0 ? entries : undefined
    })
    expect(refused).toMatchObject([{ method: 'query_audit_log' }])
    const ofTask = await query('--task', task)
    expect(ofTask.map(({ outcome }) => outcome)).toEqual(
      expect.arrayContaining(['Created', 'Approved', 'Staged', 'Running', 'Finished', 'allowed', 'ok']),
    )
    expect(await query('--method', 'user_login', '--user', 'alice')).toMatchObject([{ outcome: 'ok' }])
    expect(await query('--method', 'user_register', '--user', 'admin')).toHaveLength(3)
    expect(JSON.stringify(await query('--limit', '500'))).not.toMatch(/\b(?:ann|ben|cid|dan|eve)\b|long password/)
    expect(await as('admin', 'audit', 'verify')).toMatchObject({ intact: true, findings: [] })

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
    const watching = begin(['--as', 'alice', 'task', 'watch', id, '--json'])
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
    const watching = begin(['--as', 'alice', 'task', 'watch', String(task_id)])
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
      // A key that is written over cannot be had again.
      [2, 'already_exists', ['data', 'encrypt', path('bob.pw'), path('y'), '--key-file', path('bob.key')]],
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
    const [worker = ''] = (await findMembers(parties.url))['execution'] ?? []
    expectFailed(await run(['--as', 'alice', 'member', 'revoke', worker, '--json']), 2, 'forbidden')
    expect(await as('admin', 'member', 'revoke', worker)).toMatchObject({ member: worker, revoked: true })
    expectFailed(await run(['--as', 'admin', 'member', 'revoke', 'execution-nobody', '--json']), 2, 'not_found')
    await eventually('another worker takes its place', async () =>
      (await findMembers(parties.url))['execution']?.some((member) => member !== worker) === true ? true : undefined,
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

/** As many at a time as there are cores on a small machine. */
async function inPairs<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += 2) results.push(...(await Promise.all(items.slice(at, at + 2).map(work))))
  return results
}
