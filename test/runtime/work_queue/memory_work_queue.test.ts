/** The in-memory work queue keeps the contract, and its bound. */
import { expect, test } from 'vitest'
import { ManualClock, systemClock } from '../../../runtime/clock.ts'
import { MemoryWorkQueue } from '../../../runtime/work_queue/memory_work_queue.ts'
import { LEASE_MS, workQueueContract } from './work_queue_contract.ts'

const queue = new MemoryWorkQueue(systemClock, { leaseMs: LEASE_MS })
workQueueContract('memory', () => ({ queue, other: queue }))

const work = { executor: 'builtin', workerClass: 'default' }

test('a full queue refuses the newcomer and keeps what it has', async () => {
  const small = new MemoryWorkQueue(new ManualClock(), { messagesMax: 1 })
  await small.stage(work, 'low', '1', 'task', Buffer.from('a'))
  await expect(small.stage(work, 'high', '2', 'task', Buffer.from('b'))).rejects.toMatchObject({ code: 'overloaded' })
  expect(small.size).toBe(1)
})

test('a message id is forgotten after two minutes', async () => {
  const clock = new ManualClock()
  const young = new MemoryWorkQueue(clock)
  const first = await young.stage(work, 'low', 'same', 'task', Buffer.from('a'))
  clock.advance(120_001)
  expect(await young.stage(work, 'low', 'same', 'task', Buffer.from('a'))).toBeGreaterThan(first)
})
