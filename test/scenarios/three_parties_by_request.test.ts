/** The page is done as it stands; what the platform keeps of it is looked at by further requests. */
import { readFile } from 'node:fs/promises'
import { connect, headers } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reader } from '../support/reader.ts'
import { doAsTold } from '../support/walkthrough.ts'

interface WatchAnswer {
  changes: { version: number; state: string; event: string; by?: string }[]
}

describe('three parties, by plain requests alone', () => {
  const reader = new Reader()
  let printed: string[]
  let guest: Awaited<ReturnType<typeof connect>>
  beforeAll(async () => {
    await reader.open()
    printed = await doAsTold(reader, 'docs/walkthroughs/three_parties_by_request.md')
    const { url } = JSON.parse(await readFile(reader.path('.tacit/broker.json'), 'utf8')) as { url: string }
    guest = await connect({ servers: url })
  }, 120_000)
  afterAll(async () => {
    await guest.close()
    await reader.close()
  })

  async function ask(user: string, method: string, request: object): Promise<Record<string, unknown>> {
    const sent = headers()
    sent.set('Authorization', `Bearer ${(await readFile(reader.path(`${user}.token`), 'utf8')).trim()}`)
    const answer = await guest.request(`tacit.frontend.${method}`, JSON.stringify(request), {
      headers: sent,
      timeout: 10_000,
    })
    return answer.json()
  }

  test('nothing was refused but what the page says', () => {
    expect(printed.join('').match(/"code":/g)).toBeNull()
    expect(printed.at(-1)).toContain('the receipt is genuine')
  })

  test('who was away is told of every change since', async () => {
    const task = JSON.parse(await readFile(reader.path('task.json'), 'utf8')) as { task_id: string; version: number }
    const { task_id } = task
    const answers = await Promise.all(
      ['alice', 'bob', 'fay'].map((user) => ask(user, 'watch_task', { task_id }) as Promise<unknown>),
    )
    for (const { changes } of answers as WatchAnswer[]) {
      expect(changes.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
      expect(changes.slice(0, 7).map(({ state, event, by }) => `${state}: ${event} by ${by}`)).toEqual([
        'Created: create_task by alice',
        'Created: assign_data by alice',
        'DataAssigned: assign_data by bob',
        'DataAssigned: approve_task by alice',
        'DataAssigned: approve_task by bob',
        'Approved: approve_task by fay',
        'Staged: invoke_task by alice',
      ])
    }
    const late = (await ask('bob', 'watch_task', { task_id, after_version: 6 })) as unknown as WatchAnswer
    expect(late.changes).toEqual((answers[0] as WatchAnswer).changes.slice(6))
  })

  test('lists are in the object store as they were sent, and results as nobody else can open them', async () => {
    expect(await readFile(reader.path('alice-result.enc'), 'latin1')).not.toContain('0\n1')
    expect(await readFile(reader.path('alice.enc'), 'latin1')).not.toMatch(/ann|ben|cid/)
    const { data } = await ask('alice', 'list_data', {})
    expect(JSON.stringify(data)).not.toMatch(/"key"|"url"/)
  })
})
