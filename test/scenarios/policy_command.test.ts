import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createId } from '../../messages/index.ts'
import { ANCESTOR } from '../actors/access_control/set_language/ancestor_text.ts'
import { documentOf, runCommand, startCommand } from '../support/command.ts'
import { eventually } from '../support/deployment.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

const HOUSE = `// While the study runs, nobody begins anything new.
@id("closed")
@says("no new tasks during the study")
forbid (principal, action == Action::"create_task", resource);
`
const closing = { question: 'api', role: 'DataOwner', method: 'create_task' }
const sharing = {
  question: 'task_access_data',
  task: { task_id: createId('task', 't'), parties: ['ann'] },
  data: { data_id: createId('input', 'i'), owners: ['ann', 'bob'] },
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let environment: Record<string, string>
const path = (name: string) => join(folder.path, name)
const run = (...words: string[]) => runCommand([...words, '--json'], { environment, folder: folder.path })

beforeAll(async () => {
  folder = await temporaryFolder()
  environment = { TACIT_STATE: path('state'), TACIT_HOME: path('home') }
  const files = {
    'house.cedar': HOUSE,
    'old.sets': ANCESTOR,
    'wrong.cedar': HOUSE.replace('create_task', 'create_tusk'),
    'wrong.sets': ANCESTOR.replace('task_participant(task_access_data.task, _)', 'task_participant(_, _)'),
    'Odd-name.cedar': HOUSE,
    'question.json': JSON.stringify(closing),
    'sharing.json': JSON.stringify(sharing),
    'cases.json': JSON.stringify([
      { about: 'a party is missing', question: sharing, allowed: false, rule: 'task_access_data' },
      { about: 'tasks may be created', question: closing, allowed: true },
    ]),
    'broken.json': '{',
  }
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path(name), text)))
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('who writes policies', () => {
  test('has them checked, in both languages, with file, line and column of what is wrong', async () => {
    const end = await run('policy', 'check', path('house.cedar'), path('old.sets'))
    expect([end.code, documentOf(end)]).toMatchObject([0, { ok: true, documents: ['house', 'old'] }])
    for (const [file, message] of [
      ['wrong.cedar', /^wrong:4:\d+: .*create_tusk/],
      ['wrong.sets', /^wrong:13:60: tuples of 2/],
    ] as const) {
      const refused = await run('policy', 'check', path(file))
      expect(refused.code).toBe(2)
      expect(documentOf(refused)).toMatchObject({
        error: { code: 'policy_invalid', message: expect.stringMatching(message), hint: expect.any(String) },
      })
    }
  })

  test('tries them against cases, and learns which ones fail', async () => {
    const passed = await run('policy', 'test', path('cases.json'))
    expect([passed.code, documentOf(passed)]).toMatchObject([0, { ok: true }])
    const failed = await run('policy', 'test', path('cases.json'), '--policy', path('house.cedar'))
    expect(failed.code).toBe(2)
    expect(documentOf(failed)).toMatchObject({
      ok: false,
      cases: [{ ok: true }, { ok: false, about: 'tasks may be created', allowed: false, rule: 'house.closed' }],
      error: { code: 'policy_invalid' },
    })
  })

  test('has an answer explained by the policy that gave it', async () => {
    const explained = async (...words: string[]) => documentOf(await run('policy', 'explain', ...words))
    expect(await explained(path('question.json'))).toMatchObject({
      allowed: true,
      rule: 'api_data',
      policy: expect.stringContaining('@id("api_data")'),
    })
    expect(await explained(path('question.json'), '--policy', path('house.cedar'))).toMatchObject({
      allowed: false,
      rule: 'house.closed',
      reason: expect.stringContaining('no new tasks during the study'),
      policy: HOUSE,
    })
    expect(await explained(path('sharing.json'), '--policy', path('old.sets'))).toMatchObject({ allowed: false })
  })

  test('is told what is wrong with a name, a file or a question', async () => {
    const cases: [string, string[]][] = [
      ['invalid_request', ['check', path('Odd-name.cedar')]],
      ['not_found', ['check', path('absent.cedar')]],
      ['malformed', ['explain', path('broken.json')]],
      ['invalid_request', ['explain', path('cases.json')]],
      ['invalid_request', ['test', path('question.json')]],
    ]
    for (const [code, words] of cases) {
      const end = await run('policy', ...words)
      expect([end.code, documentOf(end)]).toMatchObject([2, { error: { code, hint: expect.any(String) } }])
    }
  })
})

test('an admin puts policies into force on a running platform, within a second, and takes them back', async () => {
  const up = startCommand(['up', '--workers', '1', '--json'], { environment })
  try {
    await up.said('stdout', /\n$/)
    const passwordFile = await readFile(path('state/admin-password.txt'), 'utf8')
    await writeFile(path('admin.pw'), `${/^password: (.+)$/m.exec(passwordFile)?.[1]}\n`)
    const done = async (...words: string[]) => {
      const end = await run(...words)
      expect(end.code, end.stderr).toBe(0)
      return documentOf(end)
    }
    await done('login', 'admin', '--password-file', path('admin.pw'))
    const { function_id } = await done('function', 'register', '--builtin', 'builtin-echo', '--public')
    const create = () => run('task', 'create', '--function', String(function_id))
    expect((await create()).code).toBe(0)
    expect(await done('policy', 'put', path('house.cedar'))).toMatchObject({ version: 1 })
    await eventually('the policy is in force', async () => ((await create()).code === 2 ? true : undefined))
    const refused = await create()
    expect(documentOf(refused)).toMatchObject({
      error: { code: 'forbidden', hint: expect.stringContaining('house.closed') },
    })
    expect(await done('policy', 'show')).toMatchObject({
      policy: { version: 1, changed_by: 'admin', documents: { house: { language: 'cedar', text: HOUSE } } },
    })
    const { policy } = (await done('policy', 'show')) as { policy: { policy_version: string } }
    const [change] = await eventually('the change is in the audit log', async () => {
      const { entries } = await done('audit', 'query', '--method', 'put_policy', '--outcome', 'ok')
      const changes = (entries as { kind: string; user: string; text: string }[]).filter(
        ({ kind }) => kind === 'change',
      )
      return changes.length > 0 ? changes : undefined
    })
    expect(change).toMatchObject({
      user: 'admin',
      text: `version 1, policy ${policy.policy_version}, documents: house`,
    })
    expect((await run('policy', 'put', path('wrong.cedar'))).code).toBe(2)
    const late = await run('policy', 'put', '--replaces', '0')
    expect(documentOf(late)).toMatchObject({ error: { code: 'conflict' } })
    expect(await done('policy', 'put')).toMatchObject({ version: 2 })
    await eventually('tasks are created again', async () => ((await create()).code === 0 ? true : undefined))
  } finally {
    up.signal('SIGINT')
    await up.ended
  }
}, 90_000)
