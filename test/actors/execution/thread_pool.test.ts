/** Threads are used again, and one that will not end, breaks or grows is gone without harm to the next job. */
import { afterEach, expect, test } from 'vitest'
import { ThreadPool } from '../../../actors/execution/thread_pool.ts'

const never = new AbortController().signal
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 }

/** A thread that does what its job says. */
const ENTRY = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from 'node:worker_threads'
    const deeds = {
      id: () => threadId,
      environment: () => Object.keys(process.env),
      loop: () => { for (;;); },
      grow: () => { const all = []; for (;;) all.push(new Array(1000).fill(all.length)) },
      crash: () => { throw new Error('crash') },
      leave: () => process.exit(0),
      length: (job) => job.bytes.byteLength,
    }
    parentPort.on('message', (job) => parentPort.postMessage(deeds[job.deed](job)))
  `)}`,
)

let pool: ThreadPool
const open = (size: number) => (pool = new ThreadPool(ENTRY, { size, limits: LIMITS }))
afterEach(() => pool.close())

test('one thread serves job after job', async () => {
  open(3)
  const ids = [await pool.run({ deed: 'id' }, [], never), await pool.run({ deed: 'id' }, [], never)]
  expect(ids[0]).toBe(ids[1])
  expect(pool.size).toBe(1)
})

test('jobs at the same time have threads of their own', async () => {
  open(3)
  const ids = await Promise.all([1, 2, 3].map(() => pool.run({ deed: 'id' }, [], never)))
  expect(new Set(ids).size).toBe(3)
  await expect(Promise.all([1, 2, 3, 4].map(() => pool.run({ deed: 'id' }, [], never)))).rejects.toThrow('assertion')
})

test('a thread sees no environment', async () => {
  open(1)
  expect(await pool.run({ deed: 'environment' }, [], never)).toEqual([])
})

test('memory that is handed over is not copied', async () => {
  open(1)
  const bytes = new Uint8Array(1000)
  expect(await pool.run({ deed: 'length', bytes }, [bytes.buffer], never)).toBe(1000)
  expect(bytes.byteLength).toBe(0)
})

test('an endless loop is stopped by the signal, with its reason, and the next job runs', async () => {
  open(1)
  const controller = new AbortController()
  const looping = pool.run({ deed: 'loop' }, [], controller.signal)
  // The loop has surely begun once a thread that was asked for later has answered.
  const other = new ThreadPool(ENTRY, { size: 1, limits: LIMITS })
  await other.run({ deed: 'id' }, [], never)
  await other.close()
  controller.abort(new Error('stop it'))
  await expect(looping).rejects.toThrow('stop it')
  expect(pool.size).toBe(0)
  expect(await pool.run({ deed: 'id' }, [], never)).toBeTypeOf('number')
})

test('a job that is given up before it began starts no thread', async () => {
  open(1)
  await expect(pool.run({ deed: 'loop' }, [], AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
  expect(pool.size).toBe(0)
})

test.each([
  ['grow', 'ran out of memory'],
  ['crash', 'broke its thread'],
  ['leave', 'broke its thread'],
])('a job that does "%s" fails as the function that %s, and the next job runs', async (deed, message) => {
  open(1)
  await expect(pool.run({ deed }, [], never)).rejects.toMatchObject({
    code: 'function_failed',
    message: expect.stringContaining(message) as string,
  })
  expect(await pool.run({ deed: 'id' }, [], never)).toBeTypeOf('number')
})
