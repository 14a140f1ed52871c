/** The worker's loop, with a real queue and files in memory, real threads, and a scripted scheduler. */
import { describe, expect, test, vi } from 'vitest'
import { encryptFile } from '../../../attestation/sealing/file_schemes/scheme.ts'
import { Refusal, stagedSubject } from '../../../messages/index.ts'
import { sealHint } from '../../support/scripted_host.ts'
import {
  BUILTIN_THREAD,
  LEASE_MS,
  noise,
  SCRIPTED_THREAD,
  ScriptedTasks,
  scripted,
  crypto,
  output,
  declared,
} from './scripted_tasks.ts'

const never = new AbortController().signal
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

describe('a run', () => {
  test('is claimed under its token, reported with a receipt, and acknowledged', async () => {
    const tasks = new ScriptedTasks()
    const { host } = await tasks.startWorker(BUILTIN_THREAD)
    const taskId = await tasks.stage()
    const outcome = await tasks.reportOf(taskId)
    if (outcome.status !== 'ok') throw new Error(outcome.message)
    expect(text(outcome.result.return_value)).toBe('hello')
    expect(tasks.claims).toEqual([{ task_id: taskId, token: '1.1', worker: 'execution-one' }])
    expect(host.receipts).toEqual([
      expect.objectContaining({
        task_id: taskId,
        token: '1.1',
        attempt: 1,
        result_digest: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        inputs: {},
        outputs: {},
      }),
    ])
    await tasks.until(() => tasks.queue.size === 0)
  })

  test('of the set intersection reads encrypted inputs and writes encrypted outputs', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(BUILTIN_THREAD)
    const left = encryptFile(Buffer.from('aa\nbb\n'), crypto)
    await tasks.files.write('files', 'left', left.bytes)
    const right = encryptFile(Buffer.from('bb\ncc\n'), crypto)
    const outputs = [output('output_result1'), output('output_result2')]
    const data_id = 'input-00000000-0000-4000-8000-000000000000'
    const taskId = await tasks.stage({
      function_name: 'builtin-ordered-set-intersect',
      arguments: { order: 'ascending' },
      inputs: [
        { name: 'input_data1', data_id, url: 'nats-object://files/left', crypto, tag: left.tag },
        {
          name: 'input_data2',
          data_id,
          url: `data:;base64,${Buffer.from(right.bytes).toString('base64')}`,
          crypto,
          tag: right.tag,
        },
      ],
      outputs,
      declared_outputs: [declared('output_result1'), declared('output_result2')],
    })
    const outcome = await tasks.reportOf(taskId)
    if (outcome.status !== 'ok') throw new Error(outcome.message)
    expect(text(outcome.result.return_value)).toBe('1 common items')
    const expected = encryptFile(Buffer.from('0\n1\n'), crypto)
    const stored = await tasks.files.read('files', 'output_result1', 100)
    expect(Buffer.compare(stored, expected.bytes)).toBe(0)
    expect(Buffer.compare(outcome.result.output_tags['output_result1']!, expected.tag)).toBe(0)
  })

  test('that fails is reported as the failure of its function, and not run again', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(BUILTIN_THREAD)
    const taskId = await tasks.stage({ arguments: {} })
    expect(await tasks.reportOf(taskId)).toEqual({
      status: 'error',
      code: 'function_failed',
      message: 'the argument "message" is missing',
    })
    await tasks.until(() => tasks.queue.size === 0)
    expect(tasks.claims).toHaveLength(1)
  })

  test.each([
    ['an unknown function', 'unsupported', { function_name: 'builtin-none' }],
    ['an executor that the worker has not', 'unsupported', { executor: 'wasm' as const }],
    ['a deadline that has passed', 'deadline_exceeded', { deadline: 1 }],
  ])('with %s is reported as %s', async (_what, code, order) => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(BUILTIN_THREAD)
    expect(await tasks.reportOf(await tasks.stage(order))).toMatchObject({ status: 'error', code })
  })

  test('whose result is too large fails', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    const taskId = await tasks.stage(scripted('long', 256 * 1024 + 1))
    expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'error', code: 'function_failed' })
  })

  test('that exhausts its memory fails, and the next task runs', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD, { slots: 1 })
    const bomb = await tasks.stage(scripted('grow'))
    const next = await tasks.stage(scripted('say', 'still here'))
    expect(await tasks.reportOf(bomb)).toMatchObject({
      code: 'function_failed',
      message: 'the function ran out of memory',
    })
    expect(await tasks.reportOf(next)).toMatchObject({ status: 'ok' })
  })
})

describe('time', () => {
  test('a run that exceeds its timeout is stopped and reported, and its lease was kept until then', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    const taskId = await tasks.stage({ ...scripted('loop'), timeout_ms: 60_000 })
    await tasks.until(() => tasks.claims.length === 1)
    for (let n = 0; n < 59; n++) tasks.clock.advance(1_000)
    expect(await tasks.queue.fetch([{ executor: 'builtin', workerClass: 'standard' }], 1, 0, never)).toEqual([])
    expect(tasks.reports).toEqual([])
    tasks.clock.advance(1_000)
    expect(await tasks.reportOf(taskId)).toMatchObject({
      status: 'error',
      code: 'deadline_exceeded',
      message: expect.stringContaining('60000 ms') as string,
    })
    await tasks.until(() => tasks.queue.size === 0)
  })

  test('a cancel stops an endless function, ends its message, and reports nothing', async () => {
    const tasks = new ScriptedTasks()
    const { cancel } = await tasks.startWorker(SCRIPTED_THREAD, { slots: 1 })
    const taskId = await tasks.stage(scripted('loop'))
    await tasks.until(() => tasks.claims.length === 1)
    expect(await cancel(taskId)).toBe(true)
    expect(tasks.queue.size).toBe(0)
    const next = await tasks.stage(scripted('say', 'free again'))
    await tasks.reportOf(next)
    expect(tasks.reports.map((report) => report.task_id)).toEqual([next])
    expect(await cancel(taskId)).toBe(false)
  })

  test('no more runs begin than there are slots', async () => {
    const tasks = new ScriptedTasks()
    const { cancel } = await tasks.startWorker(SCRIPTED_THREAD, { slots: 2 })
    const ids = [
      await tasks.stage(scripted('loop')),
      await tasks.stage(scripted('loop')),
      await tasks.stage(scripted('say', 'x')),
    ]
    await tasks.until(() => tasks.claims.length === 2)
    // The third is still on the queue, where another worker could have it.
    const [free] = await tasks.queue.fetch([{ executor: 'builtin', workerClass: 'standard' }], 5, 0, never)
    expect(free?.token).toBe('3.1')
    free?.nak(10)
    await Promise.all([cancel(ids[0]!), cancel(ids[1]!)])
    tasks.clock.advance(10)
    await tasks.reportOf(ids[2]!)
  })
})

describe('a worker that stops', () => {
  test('finishes what it can within its limit, and gives the rest back', async () => {
    const tasks = new ScriptedTasks()
    const { host, close } = await tasks.startWorker(SCRIPTED_THREAD, { drain_ms: 3_000 })
    const endless = await tasks.stage(scripted('loop'))
    await tasks.until(() => tasks.claims.length === 1)
    host.stop()
    const closed = close()
    await tasks.stage(scripted('say', 'not taken'))
    tasks.clock.advance(3_000)
    await closed
    expect(tasks.claims.map(({ task_id }) => task_id)).toEqual([endless])
    expect(tasks.reports).toEqual([])
    tasks.clock.advance(100)
    const back = await tasks.queue.fetch([{ executor: 'builtin', workerClass: 'standard' }], 5, 0, never)
    expect(back.map(({ token }) => token).sort()).toEqual(['1.2', '2.1'])
  })

  test('leaves at once when it has nothing', async () => {
    const tasks = new ScriptedTasks()
    const { close } = await tasks.startWorker(SCRIPTED_THREAD)
    await close()
  })
})

describe('answers of the scheduler', () => {
  const claimRefused = async (
    code: 'task_ended' | 'not_found' | 'not_ready' | 'conflict' | 'lease_lost' | 'unavailable',
  ) => {
    const tasks = new ScriptedTasks()
    tasks.onClaim = () => {
      tasks.onClaim = () => {}
      throw new Refusal(code, 'scripted')
    }
    await tasks.startWorker(SCRIPTED_THREAD)
    await tasks.stage(scripted('say', 'ran'))
    await tasks.until(() => tasks.claims.length === 1)
    return tasks
  }

  test.each(['task_ended', 'not_found'] as const)('%s ends the message', async (code) => {
    const tasks = await claimRefused(code)
    await tasks.until(() => tasks.queue.size === 0)
    expect(tasks.reports).toEqual([])
  })

  test.each(['not_ready', 'conflict', 'unavailable'] as const)(
    '%s gives the message back for a while',
    async (code) => {
      const tasks = await claimRefused(code)
      await tasks.until(() => (tasks.clock.advance(50), tasks.claims.length === 2))
      await tasks.until(() => tasks.reports.length === 1)
      expect(tasks.claims[1]?.token).toBe('1.2')
    },
  )

  test('a lost lease is dropped without a verb, so that its new holder keeps it', async () => {
    const tasks = await claimRefused('lease_lost')
    tasks.clock.advance(LEASE_MS / 2)
    expect(tasks.claims).toHaveLength(1)
    expect(tasks.queue.size).toBe(1)
    // It comes back when its lease has lapsed, and not before.
    await tasks.until(() => (tasks.clock.advance(LEASE_MS / 2), tasks.claims.length === 2))
  })

  test('a lease that is lost at the report is dropped too', async () => {
    const tasks = new ScriptedTasks()
    let refused = 0
    tasks.onReport = () => {
      refused++
      throw new Refusal('lease_lost', 'scripted')
    }
    await tasks.startWorker(SCRIPTED_THREAD)
    await tasks.stage(scripted('say', 'ran'))
    await tasks.until(() => refused === 1)
    expect(tasks.queue.size).toBe(1)
  })

  test('a report is repeated until it is heard, and the lease is kept meanwhile', async () => {
    const tasks = new ScriptedTasks()
    let refused = 0
    tasks.onReport = () => {
      if (refused < 8) {
        refused++
        throw new Refusal('unavailable', 'management restarts')
      }
    }
    await tasks.startWorker(SCRIPTED_THREAD)
    const taskId = await tasks.stage(scripted('say', 'ran'))
    await tasks.until(() => (tasks.clock.advance(500), tasks.reports.length === 1))
    expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'ok' })
    expect(tasks.claims).toHaveLength(1)
    await tasks.until(() => tasks.queue.size === 0)
  })

  test('a result that cannot be accepted is reported as a failure', async () => {
    const tasks = new ScriptedTasks()
    tasks.onReport = ({ outcome }) => {
      if (outcome.status === 'ok') throw new Refusal('too_large', 'scripted')
    }
    await tasks.startWorker(SCRIPTED_THREAD)
    const taskId = await tasks.stage(scripted('say', 'ran'))
    expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'error', code: 'too_large' })
  })
})

describe('noise on the queue', () => {
  const subject = stagedSubject('builtin', 'standard', 'normal')
  const task = { task_id: 'task-00000000-0000-4000-8000-000000000000', attempt: 1 }
  test.each([
    ['no msgpack', Buffer.from([0xc1, 0xff])],
    ['nothing', new Uint8Array(0)],
    ['unsealed', noise()],
    ['sealed by another service', sealHint('management', 'execution-standard', subject, task)],
    ['sealed for another subject', sealHint('scheduler', 'execution-standard', 'tacit.tasks.builtin.other.low', task)],
    ['sealed, but no hint', sealHint('scheduler', 'execution-standard', subject, { ...task, task_id: 'x' })],
  ])('%s is ended, and the worker goes on', async (_name, body) => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD, { slots: 1 })
    await tasks.put(body, 'noise')
    const taskId = await tasks.stage(scripted('say', 'ran'))
    expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'ok' })
    await tasks.until(() => tasks.queue.size === 0)
    expect(tasks.claims).toHaveLength(1)
  })
})

test('a queue that fails for a while is asked again', async () => {
  const tasks = new ScriptedTasks()
  const fetch = vi.spyOn(tasks.queue, 'fetch').mockRejectedValueOnce(new Refusal('unavailable', 'the broker restarts'))
  await tasks.startWorker(SCRIPTED_THREAD)
  const taskId = await tasks.stage(scripted('say', 'ran'))
  await tasks.until(() => (tasks.clock.advance(100), fetch.mock.calls.length > 1))
  expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'ok' })
})

test('a worker whose threads cannot be started does not start', async () => {
  const tasks = new ScriptedTasks()
  const missing = new URL('file:///nowhere/builtin_thread.js')
  await expect(tasks.startWorker(missing)).rejects.toThrow('could not be started')
})

test('settings that name an executor which is not built are refused at the start', async () => {
  const tasks = new ScriptedTasks()
  await expect(tasks.startWorker(SCRIPTED_THREAD, { executors: ['builtin', 'wasm'] })).rejects.toMatchObject({
    code: 'unsupported',
  })
})
