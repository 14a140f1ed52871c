/** The page is done as it stands, and then looked at from the sides of all who took part. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documentOf, runCommand } from '../support/command.ts'
import { Reader } from '../support/reader.ts'
import { doAsTold } from '../support/walkthrough.ts'

describe('three parties, by the tacit command alone', () => {
  const reader = new Reader()
  const as = async (user: string, ...words: string[]) => {
    const environment = { TACIT_HOME: reader.path('../home') }
    return documentOf(await runCommand(['--as', user, ...words, '--json'], { environment, folder: reader.path('') }))
  }
  let said: string
  beforeAll(async () => {
    await reader.open()
    said = (await doAsTold(reader, 'docs/walkthroughs/three_parties_by_command.md')).join('')
  }, 180_000)
  afterAll(() => reader.close())

  test('what may not be is refused on the way, and says what would be needed', () => {
    expect(said).toContain('a DataOwnerManager of bank may not register a DataOwner of insurer (forbidden)')
    expect(said).toMatch(/\(not_ready\)\nhint: .*waits for the approval of fay\n/)
    expect(said.match(/^error: /gm)).toHaveLength(2)
  })

  test('every party saw the task through, and has its receipt', async () => {
    for (const user of ['alice', 'bob', 'fay']) {
      const { tasks } = (await as(user, 'task', 'list')) as { tasks: { task_id: string }[] }
      expect(tasks).toMatchObject([{ state: 'Finished', creator: 'alice' }])
      const { task } = await as(user, 'task', 'get', tasks[0]!.task_id)
      expect(task).toMatchObject({ parties: ['alice', 'bob', 'fay'], approved_by: ['alice', 'bob', 'fay'] })
    }
    expect(said.match(/^the receipt is genuine: task-/gm)).toHaveLength(3)
    expect(await readFile(reader.path('bob-result.txt'), 'utf8')).toBe('1\n1\n0\n')
  })

  test('others of an organisation may use the function, and have no look at the task', async () => {
    const [mine, hers] = [await as('alice', 'function', 'list'), await as('bella', 'function', 'list')]
    expect(mine['functions']).toHaveLength(1)
    expect(hers['functions']).toEqual(mine['functions'])
    const { tasks } = (await as('alice', 'task', 'list')) as { tasks: { task_id: string }[] }
    for (const user of ['bella', 'admin']) {
      expect(await as(user, 'task', 'get', tasks[0]!.task_id)).toMatchObject({ error: { code: 'not_found' } })
    }
  })
})
