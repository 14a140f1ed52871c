import { expect, test } from 'vitest'
import { Refusal } from '../../../messages/index.ts'
import { CommitQueue } from '../../../runtime/store/commit_queue.ts'
import type { Outcome } from '../../../runtime/store/commit_queue.ts'
import type { Write } from '../../../runtime/store/store.ts'

const write = (key: string, bytes = 0): Write => ({ key, value: new Uint8Array(bytes), revision: 0 })

/** A disk that finishes a group when told to. */
function slowDisk() {
  const groups: string[][] = []
  let finish: (outcomes?: Outcome[]) => void = () => {}
  let begun: () => void = () => {}
  const queue = new CommitQueue((group) => {
    groups.push(group.map((writes) => writes[0]!.key))
    begun()
    return new Promise((resolve) => {
      finish = (outcomes) => resolve(outcomes ?? group.map((_, at) => [at + 1]))
    })
  })
  return {
    queue,
    groups,
    begins: () => new Promise<void>((resolve) => (begun = resolve)),
    finish: (outcomes?: Outcome[]) => finish(outcomes),
  }
}

test('commits that come while a group is written become the next group, in order', async () => {
  const { queue, groups, begins, finish } = slowDisk()
  const started = begins()
  const first = queue.commit([write('a')])
  await started
  const later = ['b', 'c', 'd'].map((key) => queue.commit([write(key)]))
  const next = begins()
  finish()
  expect(await first).toEqual([1])
  await next
  expect(groups).toEqual([['a'], ['b', 'c', 'd']])
  finish()
  expect(await Promise.all(later)).toEqual([[1], [2], [3]])
})

test('commits of one turn are one group', async () => {
  const { queue, groups, begins, finish } = slowDisk()
  const started = begins()
  const all = ['a', 'b', 'c'].map((key) => queue.commit([write(key)]))
  await started
  finish()
  await Promise.all(all)
  expect(groups).toEqual([['a', 'b', 'c']])
})

test('each commit of a group gets its own answer', async () => {
  const { queue, begins, finish } = slowDisk()
  const started = begins()
  const all = Promise.allSettled(['a', 'b'].map((key) => queue.commit([write(key)])))
  await started
  finish([[7], new Refusal('conflict', 'b has revision 3')])
  expect(await all).toMatchObject([
    { status: 'fulfilled', value: [7] },
    { status: 'rejected', reason: { code: 'conflict' } },
  ])
})

test('a group that fails fails for all of its commits, and the next group is tried', async () => {
  let fails = true
  const queue = new CommitQueue(async (group) => {
    if (fails) throw new Error('no disk')
    return group.map(() => [1])
  })
  const all = await Promise.allSettled(['a', 'b'].map((key) => queue.commit([write(key)])))
  expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  fails = false
  expect(await queue.commit([write('c')])).toEqual([1])
})

test('a read between groups waits for the group that is being written, and not for the next', async () => {
  const { queue, groups, begins, finish } = slowDisk()
  expect(await queue.between(() => groups.length)).toBe(0)
  const started = begins()
  void queue.commit([write('a')])
  await started
  const read = queue.between(() => groups.length)
  const last = queue.commit([write('b')])
  const next = begins()
  finish()
  expect(await read).toBe(1)
  await next
  finish()
  await last
})

test('a read between groups that throws is the reader’s own failure', async () => {
  const { queue } = slowDisk()
  const failing = queue.between(() => {
    throw new Refusal('state_damaged', 'broken')
  })
  await expect(failing).rejects.toMatchObject({ code: 'state_damaged' })
})

test('a group has bounds, and what is above them waits for the next', async () => {
  const { queue, groups, begins, finish } = slowDisk()
  let started = begins()
  const large = Array.from({ length: 5 }, (_, at) => queue.commit([write(`large ${at}`, 1024 * 1024)]))
  const many = Array.from({ length: 30 }, (_, at) =>
    queue.commit(Array.from({ length: 100 }, () => write(`many ${at}`))),
  )
  const sizes: number[] = []
  while (groups.flat().length < 35) {
    await started
    sizes.push(groups.at(-1)!.length)
    started = begins()
    finish()
  }
  await Promise.all([...large, ...many])
  expect(sizes[0]).toBe(4)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(11)
})

test('a queue that is full refuses the newcomer and keeps what it has', async () => {
  const { queue, begins, finish } = slowDisk()
  const started = begins()
  const first = queue.commit([write('a')])
  await started
  const waiting = Array.from({ length: 64 }, (_, at) => queue.commit([write(`large ${at}`, 1024 * 1024)]))
  await expect(queue.commit([write('more', 1)])).rejects.toMatchObject({ code: 'overloaded', advice: 'retry' })
  const drained = queue.drain()
  for (let left = 17; left > 0; left--) {
    const next = begins()
    finish()
    if (left > 1) await next
  }
  await Promise.all([first, ...waiting, drained])
})
