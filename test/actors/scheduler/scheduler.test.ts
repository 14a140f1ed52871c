/** The scheduler, with a queue and storage in memory, and management and workers scripted. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { start as startScheduler } from '../../../actors/scheduler/index.ts'
import type { RunOutcome } from '../../../messages/index.ts'
import { createId, Refusal, storage, unpack } from '../../../messages/index.ts'
import type { Handlers, LetterContext, Service } from '../../../runtime/index.ts'
import { ManualClock, MemoryStore } from '../../../runtime/index.ts'
import type { scheduler } from '../../../messages/index.ts'
import { clientOf, refusalOf, storageHandlers } from '../../support/fake_host.ts'
import type { ScriptedHost } from '../../support/scripted_host.ts'
import { scriptedHost } from '../../support/scripted_host.ts'

const WORK = { executor: 'builtin', workerClass: 'standard' }
const never = new AbortController().signal
const ok: RunOutcome = {
  status: 'ok',
  result: { return_value: new Uint8Array(0), output_tags: {}, log: [], receipt: '' },
}

let clock: ManualClock
let store: MemoryStore
let host: ScriptedHost
let service: Service
let handlers: Handlers<typeof scheduler>
const management = { start_run: vi.fn(), end_run: vi.fn(), expire_task: vi.fn() }
const worker = { cancel_run: vi.fn() }

beforeEach(async () => {
  for (const method of [...Object.values(management), worker.cancel_run]) method.mockReset().mockResolvedValue({})
  clock = new ManualClock()
  store = new MemoryStore()
  host = scriptedHost({
    memberId: 'scheduler-one',
    clock,
    clients: {
      management,
      storage: clientOf(storage, storageHandlers(store)),
      'execution@execution-one': worker,
    },
  })
  service = await startScheduler(host)
  handlers = service.actor.handlers as Handlers<typeof scheduler>
})

afterEach(() => service.close?.())

function from(role: string, id: string): LetterContext {
  return {
    sender: { role, id },
    requestId: 'request',
    deadlineMs: clock.now() + 10_000,
    signal: never,
    plain: false,
  }
}
const fromManagement = () => from('management', 'management-one')
const fromWorker = () => from('execution', 'execution-one')

const hint = (taskId: string, more: { attempt?: number; deadline?: number; class?: string; seq?: number } = {}) => ({
  task_id: taskId,
  attempt: 1,
  executor: 'builtin' as const,
  class: 'standard',
  priority: 'high' as const,
  ...more,
})

describe('staging', () => {
  test('puts a hint on the queue that is sealed to the workers of the class and names only the task', async () => {
    const taskId = createId('task')
    const { seq } = await handlers.stage_task(hint(taskId), fromManagement())
    const [lease] = await host.workQueue.fetch([WORK], 5, 0, never)
    expect(lease?.token).toBe(`${seq}.1`)
    expect(lease?.subject).toBe('tacit.tasks.builtin.standard.high')
    expect(unpack(lease!.body, 1000)).toEqual({
      role: 'scheduler',
      group: 'execution-standard',
      subject: lease?.subject,
      body: { task_id: taskId, attempt: 1 },
    })
  })

  test('the same task and attempt twice changes nothing, another attempt is another message', async () => {
    const taskId = createId('task')
    const first = await handlers.stage_task(hint(taskId), fromManagement())
    expect(await handlers.stage_task(hint(taskId), fromManagement())).toEqual(first)
    expect(await handlers.stage_task(hint(taskId, { attempt: 2 }), fromManagement())).not.toEqual(first)
    expect(host.workQueue.size).toBe(2)
  })

  test.each(['', 'Standard', 'a.b', 'a b', '*', '>', 'x'.repeat(33)])('the class %j is unsupported', async (name) => {
    const refusal = await refusalOf(
      Promise.resolve(handlers.stage_task(hint(createId('task'), { class: name }), fromManagement())),
    )
    expect(refusal.code).toBe('unsupported')
    expect(host.workQueue.size).toBe(0)
  })

  test('a class that nobody prepared is prepared with its first task', async () => {
    const prepare = vi.spyOn(host.workQueue, 'prepare')
    await handlers.stage_task(hint(createId('task'), { class: 'tdx' }), fromManagement())
    await handlers.stage_task(hint(createId('task'), { class: 'tdx' }), fromManagement())
    expect(prepare.mock.calls).toEqual([[[{ executor: 'builtin', workerClass: 'tdx' }]]])
    clock.advance(30_000)
    expect(prepare.mock.lastCall).toEqual([[WORK, { executor: 'builtin', workerClass: 'tdx' }]])
  })
})

describe('counting workers', () => {
  const count = (executor: 'builtin' | 'wasm') =>
    handlers.count_workers({ executor, class: 'standard' }, fromManagement())

  test('tells fetches that wait from runs, and nobody from both', async () => {
    expect(await count('builtin')).toEqual({ idle: 0, busy: 0 })
    const leaving = new AbortController()
    const waiting = host.workQueue.fetch([WORK], 1, 60_000, leaving.signal)
    await vi.waitFor(async () => expect(await count('builtin')).toEqual({ idle: 1, busy: 0 }))
    leaving.abort()
    await waiting
    await handlers.stage_task(hint(createId('task')), fromManagement())
    expect(await count('builtin')).toEqual({ idle: 0, busy: 0 })
    await host.workQueue.fetch([WORK], 1, 0, never)
    expect(await count('builtin')).toEqual({ idle: 0, busy: 1 })
  })

  test('takes a worker that is busy with another executor for one that may offer this one', async () => {
    await handlers.stage_task(hint(createId('task')), fromManagement())
    await host.workQueue.fetch([WORK], 1, 0, never)
    expect(await count('wasm')).toEqual({ idle: 0, busy: 1 })
  })
})

describe('a task that was staged before', () => {
  test('is left alone while the queue holds it, and put again when it was lost', async () => {
    const taskId = createId('task')
    const { seq } = await handlers.stage_task(hint(taskId), fromManagement())
    expect(await handlers.stage_task(hint(taskId, { seq }), fromManagement())).toEqual({ seq })
    expect(host.workQueue.size).toBe(1)
    await host.workQueue.remove(seq)
    const again = await handlers.stage_task(hint(taskId, { seq }), fromManagement())
    expect(again.seq).not.toBe(seq)
    expect(host.workQueue.size).toBe(1)
  })
})

describe('deadlines', () => {
  const keys = async () => (await store.scan('deadline/', { limit: 100 })).map(({ key }) => key)
  const sweep = async () => {
    clock.advance(1_000)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  test('are kept with the task, expire it when they pass, and leave a dead letter', async () => {
    const taskId = createId('task')
    const deadline = clock.now() + 3_500
    await handlers.stage_task(hint(taskId, { deadline }), fromManagement())
    await handlers.stage_task(hint(taskId, { deadline, attempt: 2 }), fromManagement())
    expect(await keys()).toEqual([`deadline/${String(deadline).padStart(15, '0')}/${taskId}`])
    for (let n = 0; n < 3; n++) await sweep()
    expect(management.expire_task).not.toHaveBeenCalled()
    await sweep()
    expect(management.expire_task.mock.calls).toEqual([[{ task_id: taskId }]])
    expect(await keys()).toEqual([])
    expect(host.workQueue.deadLetters).toMatchObject([{ work: WORK, taskId, reason: 'the deadline passed' }])
  })

  test('of tasks that ended before are forgotten without a dead letter', async () => {
    management.expire_task.mockRejectedValue(new Refusal('task_ended', 'scripted'))
    await handlers.stage_task(hint(createId('task'), { deadline: clock.now() }), fromManagement())
    await sweep()
    expect(await keys()).toEqual([])
    expect(host.workQueue.deadLetters).toEqual([])
  })

  test('are tried again while management does not answer', async () => {
    management.expire_task.mockRejectedValueOnce(new Refusal('unavailable', 'scripted'))
    await handlers.stage_task(hint(createId('task'), { deadline: clock.now() }), fromManagement())
    await sweep()
    expect(await keys()).toHaveLength(1)
    await sweep()
    expect(await keys()).toEqual([])
  })

  test('that management will not act on are forgotten in the end', async () => {
    management.expire_task.mockRejectedValue(new Refusal('not_ready', 'scripted'))
    await handlers.stage_task(hint(createId('task'), { deadline: clock.now() }), fromManagement())
    await sweep()
    expect(await keys()).toHaveLength(1)
    clock.advance(600_000)
    await vi.waitFor(async () => {
      await sweep()
      expect(await keys()).toEqual([])
    })
  })

  test('hundreds at once are all swept', async () => {
    const ids = Array.from({ length: 250 }, () => createId('task'))
    for (const id of ids) await handlers.stage_task(hint(id, { deadline: clock.now() }), fromManagement())
    clock.advance(1_000)
    await vi.waitFor(async () => expect(await keys()).toEqual([]))
    expect(management.expire_task).toHaveBeenCalledTimes(250)
  })
})

describe('canceling', () => {
  test('takes the message off the queue', async () => {
    const taskId = createId('task')
    const { seq } = await handlers.stage_task(hint(taskId), fromManagement())
    await handlers.cancel_task({ task_id: taskId, seq }, fromManagement())
    await handlers.cancel_task({ task_id: taskId, seq }, fromManagement())
    expect(host.workQueue.size).toBe(0)
    expect(worker.cancel_run).not.toHaveBeenCalled()
  })

  test('of a task that was given up leaves a dead letter of its class, also if nothing is left to stop', async () => {
    const taskId = createId('task')
    const dead_letter = { executor: 'builtin' as const, class: 'tdx', reason: 'every attempt was lost with its worker' }
    await handlers.cancel_task({ task_id: taskId, dead_letter }, fromManagement())
    await handlers.cancel_task({ task_id: taskId, dead_letter }, fromManagement())
    const work = { executor: 'builtin', workerClass: 'tdx' }
    expect(host.workQueue.deadLetters).toMatchObject([{ work, taskId, reason: dead_letter.reason }])
  })

  test('stops the run on its worker', async () => {
    const taskId = createId('task')
    await handlers.cancel_task({ task_id: taskId, worker: 'execution-one' }, fromManagement())
    expect(worker.cancel_run.mock.calls[0]?.[0]).toEqual({ task_id: taskId })
  })

  test('of a run whose worker is gone is no failure: its report will not be believed', async () => {
    worker.cancel_run.mockRejectedValue(new Refusal('unavailable', 'scripted'))
    expect(
      await handlers.cancel_task({ task_id: createId('task'), worker: 'execution-one' }, fromManagement()),
    ).toEqual({})
  })

  test('is refused when the queue does not answer, so that it is tried again', async () => {
    vi.spyOn(host.workQueue, 'remove').mockRejectedValue(new Refusal('unavailable', 'scripted'))
    const refusal = await refusalOf(
      Promise.resolve(handlers.cancel_task({ task_id: createId('task'), seq: 1 }, fromManagement())),
    )
    expect(refusal.code).toBe('unavailable')
  })
})

describe('runs', () => {
  const lease = (taskId: string, name = 'execution-one') =>
    Promise.resolve(handlers.lease_task({ task_id: taskId, token: '7.2', worker: name }, fromWorker()))

  test('are claimed from management, in the name of the worker that asks', async () => {
    const taskId = createId('task')
    management.start_run.mockResolvedValue({ order: 'all it needs' })
    expect(await lease(taskId)).toEqual({ order: 'all it needs' })
    expect(management.start_run).toHaveBeenCalledWith(
      { task_id: taskId, token: '7.2', worker: 'execution-one' },
      { timeoutMs: 10_000 },
    )
  })

  test('are not claimed in the name of another', async () => {
    expect((await refusalOf(lease(createId('task'), 'execution-two'))).code).toBe('not_admitted')
    expect(management.start_run).not.toHaveBeenCalled()
  })

  test('are reported to management under their token', async () => {
    const taskId = createId('task')
    await handlers.complete_task({ task_id: taskId, token: '7.2', outcome: ok }, fromWorker())
    expect(management.end_run.mock.calls[0]?.[0]).toEqual({
      task_id: taskId,
      token: '7.2',
      worker: 'execution-one',
      outcome: ok,
    })
    expect(host.workQueue.deadLetters).toEqual([])
  })

  test.each(['lease_lost', 'task_ended', 'conflict', 'unavailable'] as const)('hear that %s', async (code) => {
    management.start_run.mockRejectedValue(new Refusal(code, 'scripted'))
    management.end_run.mockRejectedValue(new Refusal(code, 'scripted'))
    expect((await refusalOf(lease(createId('task')))).code).toBe(code)
    const report = { task_id: createId('task'), token: '7.2', outcome: ok }
    expect((await refusalOf(Promise.resolve(handlers.complete_task(report, fromWorker())))).code).toBe(code)
    expect(host.workQueue.deadLetters).toEqual([])
  })

  test('whose attempts are exhausted leave a dead letter of their class', async () => {
    const taskId = createId('task')
    await handlers.stage_task(hint(taskId), fromManagement())
    management.start_run.mockRejectedValue(
      new Refusal('task_ended', 'every attempt was lost with its worker', { field: 'options.attempts' }),
    )
    expect((await refusalOf(lease(taskId))).code).toBe('task_ended')
    expect(host.workQueue.deadLetters).toMatchObject([
      { work: WORK, taskId, reason: 'every attempt was lost with its worker' },
    ])
  })

  test('that took too long leave a dead letter once management has heard', async () => {
    const outcome: RunOutcome = { status: 'error', code: 'deadline_exceeded', message: 'the run took longer' }
    const report = { task_id: createId('task'), token: '7.2', outcome }
    management.end_run.mockRejectedValueOnce(new Refusal('lease_lost', 'scripted'))
    await refusalOf(Promise.resolve(handlers.complete_task(report, fromWorker())))
    expect(host.workQueue.deadLetters).toEqual([])
    await handlers.complete_task(report, fromWorker())
    expect(host.workQueue.deadLetters).toHaveLength(1)
  })

  test('a dead letter that cannot be written does not change the answer', async () => {
    vi.spyOn(host.workQueue, 'deadLetter').mockRejectedValue(new Refusal('unavailable', 'scripted'))
    management.start_run.mockRejectedValue(new Refusal('task_ended', 'scripted', { field: 'options.attempts' }))
    expect((await refusalOf(lease(createId('task')))).code).toBe('task_ended')
  })
})
