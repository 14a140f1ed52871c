/** Threads are used again, and one that will not end, breaks or grows is gone without harm to the next job. */
import { afterEach, expect, test } from 'vitest'
import { ThreadPool } from '../../../../../actors/execution/executors/builtin/thread_pool.ts'
import { systemClock } from '../../../../../runtime/index.ts'

const never = new AbortController().signal
/** For jobs that ask for nothing. */
const unasked = () => Promise.reject(new Error('nothing was to be asked for'))
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 }

/** A thread that does what its job says. */
const ENTRY = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from 'node:worker_threads'
    const deeds = {
      id: () => threadId,
      environment: () => Object.keys(process.env),
      loop: (job) => { Atomics.store(job.begun, 0, 1); for (;;); },
      grow: () => { const all = []; for (;;) all.push(new Array(1000).fill(all.length)) },
      crash: () => { throw new Error('crash') },
      leave: () => process.exit(0),
      ask: (job) => new Promise((resolve) => {
        parentPort.once('message', ({ id, reply }) => resolve([id, reply.byteLength]))
        parentPort.postMessage({ request: job.about, id: 7 })
      }),
      hold: (job) => { Atomics.wait(job.latch, 0, 0); return threadId },
    }
    parentPort.on('message', async (job) => {
      if (job.deed !== undefined) parentPort.postMessage({ answer: await deeds[job.deed](job) })
    })
    parentPort.postMessage('ready')
  `)}`,
)

let pool: ThreadPool
const open = (size: number, entry = ENTRY) =>
  (pool = new ThreadPool(entry, { size, limits: LIMITS, clock: systemClock }))
afterEach(() => pool.close())

test('one thread serves job after job', async () => {
  open(3)
  const ids = [await pool.run({ deed: 'id' }, unasked, never), await pool.run({ deed: 'id' }, unasked, never)]
  expect(ids[0]).toBe(ids[1])
  expect(pool.size).toBe(1)
})

test('long jobs at the same time have threads of their own, up to the size and no more', async () => {
  open(5)
  const latch = new Int32Array(new SharedArrayBuffer(4))
  const jobs = Array.from({ length: 5 }, () => pool.run({ deed: 'hold', latch }, unasked, never))
  await expect(pool.run({ deed: 'id' }, unasked, never)).rejects.toThrow('assertion')
  await expect.poll(() => pool.size).toBe(5)
  Atomics.store(latch, 0, 1)
  Atomics.notify(latch, 0)
  expect(new Set(await Promise.all(jobs)).size).toBeGreaterThan(1)
})

test('a burst of short jobs needs few threads', async () => {
  open(200)
  await pool.warmUp()
  await Promise.all(Array.from({ length: 200 }, () => pool.run({ deed: 'id' }, unasked, new AbortController().signal)))
  expect(pool.size).toBeLessThan(20)
})

test('a job that waits for a thread can be given up', async () => {
  open(2)
  const latch = new Int32Array(new SharedArrayBuffer(4))
  const controller = new AbortController()
  const jobs = [1, 2].map(() => pool.run({ deed: 'hold', latch }, unasked, controller.signal))
  controller.abort(new Error('given up'))
  for (const job of jobs) await expect(job).rejects.toThrow('given up')
})

test('a thread that cannot be started is no failure of the function', async () => {
  open(1, new URL(`data:text/javascript,${encodeURIComponent('throw new Error("broken module")')}`))
  await expect(pool.run({ deed: 'id' }, unasked, never)).rejects.toThrow('could not be started')
  await expect(pool.warmUp()).rejects.toThrow('could not be started')
})

test('a thread sees no environment', async () => {
  open(1)
  expect(await pool.run({ deed: 'environment' }, unasked, never)).toEqual([])
})

test('a job is served what it asks for, in memory that moves', async () => {
  open(1)
  const bytes = new Uint8Array(1000)
  const asked: unknown[] = []
  const serve = async (request: unknown) => {
    asked.push(request)
    return { reply: bytes, transfer: [bytes.buffer] }
  }
  expect(await pool.run({ deed: 'ask', about: 'a part' }, serve, never)).toEqual([7, 1000])
  expect([asked, bytes.byteLength]).toEqual([['a part'], 0])
})

test('a job that cannot be served fails with the reason, and the next job runs', async () => {
  open(1)
  const serve = () => Promise.reject(new Error('the file is damaged'))
  await expect(pool.run({ deed: 'ask' }, serve, never)).rejects.toThrow('the file is damaged')
  expect(await pool.run({ deed: 'id' }, unasked, never)).toBeTypeOf('number')
})

test('an endless loop is stopped by the signal, with its reason, and the next job runs', async () => {
  open(1)
  const begun = new Int32Array(new SharedArrayBuffer(4))
  const controller = new AbortController()
  const looping = pool.run({ deed: 'loop', begun }, unasked, controller.signal)
  await expect.poll(() => Atomics.load(begun, 0)).toBe(1)
  controller.abort(new Error('stop it'))
  await expect(looping).rejects.toThrow('stop it')
  expect(pool.size).toBe(0)
  expect(await pool.run({ deed: 'id' }, unasked, never)).toBeTypeOf('number')
})

test('a job that is given up as it gets its thread leaves the thread to the next', async () => {
  open(1)
  await pool.warmUp()
  const controller = new AbortController()
  const job = pool.run({ deed: 'crash' }, unasked, controller.signal)
  controller.abort(new Error('at once'))
  await expect(job).rejects.toThrow('at once')
  expect(pool.size).toBe(1)
  expect(await pool.run({ deed: 'id' }, unasked, never)).toBeTypeOf('number')
})

test('a job that is given up before it began starts no thread', async () => {
  open(1)
  await expect(pool.run({ deed: 'loop' }, unasked, AbortSignal.abort(new Error('too late')))).rejects.toThrow(
    'too late',
  )
  expect(pool.size).toBe(0)
})

test.each([
  ['grow', 'ran out of memory'],
  ['crash', 'broke its thread'],
  ['leave', 'broke its thread'],
])('a job that does "%s" fails as the function that %s, and the next job runs', async (deed, message) => {
  open(1)
  await expect(pool.run({ deed }, unasked, never)).rejects.toMatchObject({
    code: 'function_failed',
    message: expect.stringContaining(message) as string,
  })
  expect(await pool.run({ deed: 'id' }, unasked, never)).toBeTypeOf('number')
})
