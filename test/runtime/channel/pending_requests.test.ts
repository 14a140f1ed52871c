import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseRequest, Refusal } from '../../../messages/index.ts'
import { ManualClock, toGroup } from '../../../runtime/index.ts'
import type { PendingRequest, Route } from '../../../runtime/channel/pending_requests.ts'
import { PendingRequests } from '../../../runtime/channel/pending_requests.ts'

const say: Route = { destination: toGroup('desk', 'say'), method: 'say', repeatable: true }
const once: Route = { ...say, method: 'once', repeatable: false }
const overloaded = new Refusal('overloaded', 'the mailbox is full')

let clock: ManualClock
let sent: PendingRequest[]
let ticks: number
let watchers: (() => void)[]
let send: (request: PendingRequest) => void
let pending: PendingRequests

beforeEach(() => {
  clock = new ManualClock(1_000)
  sent = []
  ticks = 0
  watchers = []
  send = (request) => void sent.push(request)
  pending = new PendingRequests({
    clock,
    send: (request) => send(request),
    onTick: () => {
      ticks += 1
      for (const watcher of watchers.splice(0)) watcher()
    },
  })
})

afterEach(() => pending.close())

/** Moves time, and waits until it was looked at. */
async function advance(ms: number): Promise<void> {
  clock.advance(ms)
  await new Promise<void>((resolve) => watchers.push(resolve))
}

describe('a request', () => {
  test('is sent at once as a letter with its number, method and deadline, and resolves with its answer', async () => {
    const answers = [pending.ask(say, { text: 'x' }, {}), pending.ask(once, {}, { timeoutMs: 50, idempotencyKey: 'k' })]
    expect(sent.map(({ letter }) => parseRequest(letter))).toEqual([
      { number: 1, method: 'say', deadlineMs: 11_000, idempotencyKey: null, body: { text: 'x' } },
      { number: 2, method: 'once', deadlineMs: 1_050, idempotencyKey: 'k', body: {} },
    ])
    pending.answer(sent[1]!, 'second')
    pending.answer(sent[0]!, 'first')
    expect(await Promise.all(answers)).toEqual(['first', 'second'])
    expect([pending.has(1), pending.get(2)]).toEqual([false, undefined])
  })

  test('has one outcome, whatever comes after it', async () => {
    const answer = pending.ask(say, {}, {})
    pending.answer(sent[0]!, 'first')
    pending.fail(sent[0]!, overloaded)
    pending.answer(sent[0]!, 'second')
    expect(await answer).toBe('first')
  })

  test('that cannot be sent fails with the refusal', async () => {
    send = () => {
      throw overloaded
    }
    await expect(pending.ask(say, {}, {})).rejects.toBe(overloaded)
    expect(pending.has(1)).toBe(false)
  })

  test('fails when its caller gives up', async () => {
    const controller = new AbortController()
    const answer = pending.ask(say, {}, { signal: controller.signal })
    controller.abort()
    await expect(answer).rejects.toMatchObject({ code: 'canceled' })
    await expect(pending.ask(say, {}, { signal: controller.signal })).rejects.toMatchObject({ code: 'canceled' })
    expect(sent).toHaveLength(1)
  })

  test('shows the task that it is about, and nothing that only looks like one', async () => {
    const task = 'task-00000000-0000-4000-8000-000000000000'
    for (const body of [{ task_id: task }, { request: { task_id: task } }, { task_id: `${task} x` }, 'task', null]) {
      void pending.ask(say, body, {}).catch(() => {})
    }
    expect(sent.map((request) => request.task)).toEqual([task, task, undefined, undefined, undefined])
    pending.close()
  })
})

describe('without an answer', () => {
  test('a repeatable request is sent again after each try, under the same number, until its deadline', async () => {
    const answer = pending.ask(say, {}, { timeoutMs: 1_000, attemptMs: 400 })
    answer.catch(() => {})
    await advance(399)
    expect(sent).toHaveLength(1)
    await advance(1)
    await advance(400)
    expect(sent.map(({ number }) => number)).toEqual([1, 1, 1])
    await advance(200)
    await expect(answer).rejects.toMatchObject({
      code: 'deadline_exceeded',
      message: 'no answer from tacit.desk.say in time',
    })
    expect(sent).toHaveLength(3)
  })

  test('an unrepeatable request is sent once', async () => {
    const answer = pending.ask(once, {}, { timeoutMs: 1_000, attemptMs: 100 })
    answer.catch(() => {})
    await advance(900)
    await advance(100)
    await expect(answer).rejects.toMatchObject({ code: 'deadline_exceeded' })
    expect(sent).toHaveLength(1)
  })
})

describe('a refused request', () => {
  test('is sent again after a delay that doubles', async () => {
    const answer = pending.ask(say, {}, {})
    for (const delayMs of [25, 50, 100, 200, 400, 500, 500]) {
      const before = sent.length
      pending.retryLater(sent[0]!, overloaded)
      await advance(delayMs - 1)
      expect(sent).toHaveLength(before)
      await advance(1)
      expect(sent).toHaveLength(before + 1)
    }
    pending.answer(sent[0]!, 'at last')
    expect(await answer).toBe('at last')
  })

  test('fails with the refusal where no time is left for another try', async () => {
    const answer = pending.ask(say, {}, { timeoutMs: 25 })
    pending.retryLater(sent[0]!, overloaded)
    await expect(answer).rejects.toBe(overloaded)
  })

  test('fails with the refusal where its deadline comes before the retry is answered or even sent', async () => {
    const answer = pending.ask(say, {}, { timeoutMs: 40 })
    answer.catch(() => {})
    pending.retryLater(sent[0]!, overloaded)
    await advance(40)
    await expect(answer).rejects.toBe(overloaded)
  })
})

test('time is looked at only while something waits', async () => {
  const answer = pending.ask(say, {}, {})
  await advance(1)
  pending.answer(sent[0]!, 'done')
  await answer
  await advance(1)
  const before = ticks
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(ticks).toBe(before)
})

test('what is closed fails everything that waits, and takes nothing new', async () => {
  const answers = [pending.ask(say, {}, {}), pending.ask(once, {}, {})]
  pending.close()
  for (const answer of [...answers, pending.ask(say, {}, {})]) {
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' })
  }
})

test('too many requests in flight are refused', async () => {
  for (let i = 0; i < 100_000; i += 1) void pending.ask(say, null, {}).catch(() => {})
  await expect(pending.ask(say, null, {})).rejects.toMatchObject({ code: 'overloaded' })
  pending.close()
})
