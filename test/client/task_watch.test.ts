import { describe, expect, test } from 'vitest'
import type { Api } from '../../client/connection.ts'
import type { WatchedChange } from '../../client/task_watch.ts'
import { waitForTask, watchTask } from '../../client/task_watch.ts'
import type { TaskView } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import { systemClock } from '../../runtime/index.ts'
import { sampleTask } from './scripted_frontend.ts'

type Watched = Parameters<Api['watch_task']>[0]
type Answer = Awaited<ReturnType<Api['watch_task']>>
type Step = [state: TaskView['state'], version: number]

/** An answer with these changes; the task is as the last of them left it, unless told. */
function changed(steps: Step[], [state, version]: Step = steps.at(-1)!): Answer {
  const changes = steps.map(([state, version]) => ({
    state,
    version,
    event: 'create_task' as const,
    at: 0,
    reason: `it became ${state}`,
  }))
  return { ...sampleTask(state, version), changes }
}

/** An API whose watch answers with each of these in turn; what it was asked is noted. */
function scriptedApi(answers: (Answer | Refusal)[]): { api: Api; asked: Watched[] } {
  const asked: Watched[] = []
  const watch: Api['watch_task'] = (request, options) => {
    asked.push(request)
    if (options?.signal?.aborted === true) return Promise.reject(new Refusal('canceled', 'the caller gave up'))
    const answer = answers.shift()
    if (answer === undefined) return Promise.reject(new Error('asked once too often'))
    return answer instanceof Refusal ? Promise.reject(answer) : Promise.resolve(answer)
  }
  return { api: { watch_task: watch } as Api, asked } // nothing else is called
}
/** Waits for nothing. */
const clock = { ...systemClock, sleep: () => Promise.resolve() }
const { task_id } = sampleTask('Staged', 1)

async function collect(watch: AsyncIterable<WatchedChange>): Promise<string[]> {
  const seen: string[] = []
  for await (const { state, version } of watch) seen.push(`${state} ${version}`)
  return seen
}

describe('a watch', () => {
  test('tells each change once, and ends with the task', async () => {
    const { api, asked } = scriptedApi([
      changed([
        ['Created', 1],
        ['Staged', 2],
      ]),
      changed([], ['Staged', 2]), // nothing happened in the time of one call
      changed([['Running', 3]], ['Finished', 4]), // more did than fits an answer
      changed([['Finished', 4]]),
    ])
    const seen = ['Created 1', 'Staged 2', 'Running 3', 'Finished 4']
    expect(await collect(watchTask(api, task_id, { clock }))).toEqual(seen)
    expect(asked.map(({ after_version }) => after_version)).toEqual([0, 2, 2, 3])
  })

  test('goes on behind what was seen already, in this program or in one before it', async () => {
    const { api, asked } = scriptedApi([changed([['Running', 5]]), changed([['Finished', 6]])])
    expect(await collect(watchTask(api, task_id, { afterVersion: 4, clock }))).toEqual(['Running 5', 'Finished 6'])
    expect(asked.map(({ after_version }) => after_version)).toEqual([4, 5])
  })

  test('outlives lost connections, and tells no change twice', async () => {
    const lost = new Refusal('unavailable', 'the member is gone')
    const { api, asked } = scriptedApi([changed([['Staged', 4]]), lost, lost, changed([['Finished', 7]])])
    expect(await collect(watchTask(api, task_id, { clock }))).toEqual(['Staged 4', 'Finished 7'])
    expect(asked.map(({ after_version }) => after_version)).toEqual([0, 4, 4, 4])
  })

  test('does not try for ever, and not what cannot succeed', async () => {
    const lost = Array.from({ length: 100 }, () => new Refusal('unavailable', 'nobody is there'))
    const { api, asked } = scriptedApi(lost)
    await expect(collect(watchTask(api, task_id, { clock }))).rejects.toMatchObject({ code: 'unavailable' })
    expect(asked.length).toBeLessThan(100)
    const refused = scriptedApi([new Refusal('not_found', 'there is no such task')])
    await expect(collect(watchTask(refused.api, task_id, { clock }))).rejects.toMatchObject({ code: 'not_found' })
  })

  test('is given up by a signal, also between two tries', async () => {
    const gaveUp = new AbortController()
    const { api } = scriptedApi([new Refusal('unavailable', 'the member is gone'), changed([['Finished', 7]])])
    const sleep = () => Promise.resolve(gaveUp.abort())
    const watching = watchTask(api, task_id, { signal: gaveUp.signal, clock: { ...clock, sleep } })
    await expect(collect(watching)).rejects.toMatchObject({ code: 'canceled' })
  })
})

describe('waiting for a task', () => {
  test('gives it when it has finished, and tells what happened on the way', async () => {
    const { api } = scriptedApi([changed([['Running', 5]]), changed([['Finished', 6]])])
    const changes: string[] = []
    const task = await waitForTask(api, task_id, { onChange: ({ state }) => changes.push(state) })
    expect([task.state, changes]).toEqual(['Finished', ['Running', 'Finished']])
  })

  test('refuses when it ended otherwise, with the reason', async () => {
    for (const [state, code] of [
      ['Failed', 'function_failed'],
      ['Canceled', 'canceled'],
    ] as const) {
      const { api } = scriptedApi([changed([[state, 6]])])
      await expect(waitForTask(api, task_id)).rejects.toMatchObject({
        code,
        message: `the task ended as ${state}: it is ${state}`,
      })
    }
  })
})
