/** What every work queue must do; each implementation runs the same suite. Leases last `LEASE_MS` here. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { PRIORITIES } from '../../../messages/index.ts'
import type { Priority } from '../../../messages/index.ts'
import type { WorkClass, WorkLease, WorkQueue } from '../../../runtime/work_queue/work_queue.ts'

export const LEASE_MS = 400
const LONG_MS = 10_000
const never = new AbortController().signal

/** @param queueOf a queue like the last one: the second shows what another member sees */
export function workQueueContract(name: string, queueOf: () => { queue: WorkQueue; other: WorkQueue }): void {
  // Each test has a class of its own, so that none sees another's messages.
  async function freshClass(): Promise<WorkClass> {
    const work = { executor: 'builtin', workerClass: `c${randomUUID().slice(0, 8)}` }
    await queueOf().queue.prepare([work])
    return work
  }
  let staged = 0
  const stage = (work: WorkClass, text: string, priority: Priority = 'normal') =>
    queueOf().queue.stage(work, priority, `id-${++staged}-${work.workerClass}`, `task ${text}`, Buffer.from(text))
  const fetch = (work: WorkClass, count: number, waitMs: number, signal = never) =>
    queueOf().queue.fetch([work], count, waitMs, signal)
  const textOf = (lease: WorkLease | undefined) => Buffer.from(lease?.body ?? []).toString()

  test(`${name}: a staged message is fetched once, with its token, and an ack removes it`, async () => {
    const work = await freshClass()
    const seq = await stage(work, 'hello')
    const [lease, ...more] = await fetch(work, 5, LONG_MS)
    expect(more).toEqual([])
    expect(textOf(lease)).toBe('hello')
    expect(lease?.token).toBe(`${seq}.1`)
    expect(lease?.delivery).toBe(1)
    expect(lease?.subject).toBe(`tacit.tasks.builtin.${work.workerClass}.normal`)
    lease?.ack()
    expect(await fetch(work, 5, LEASE_MS * 2)).toEqual([])
    expect(await queueOf().queue.remove(seq)).toBe(false)
  })

  test(`${name}: who takes work is counted: a fetch that waits, and leases until they end`, async () => {
    const work = await freshClass()
    const count = () => queueOf().other.countTakers(work)
    expect(await count()).toEqual({ waiting: 0, leased: 0 })
    expect(await queueOf().queue.countTakers({ ...work, workerClass: 'unheard-of' })).toEqual({ waiting: 0, leased: 0 })
    const waiting = fetch(work, 1, LONG_MS)
    await expect.poll(count).toEqual({ waiting: 1, leased: 0 })
    await stage(work, 'counted')
    const [lease] = await waiting
    await expect.poll(count).toEqual({ waiting: 0, leased: 1 })
    lease?.ack()
    await expect.poll(count).toEqual({ waiting: 0, leased: 0 })
  })

  test(`${name}: a fetch that waits is answered as soon as something is staged`, async () => {
    const work = await freshClass()
    const waiting = fetch(work, 3, LONG_MS)
    await stage(work, 'later', 'low')
    const leases = await waiting
    expect(leases.map(textOf)).toEqual(['later'])
    leases[0]?.ack()
  })

  test(`${name}: a message given back is delivered again after its delay, with a higher delivery`, async () => {
    const work = await freshClass()
    const seq = await stage(work, 'again')
    const [first] = await fetch(work, 1, LONG_MS)
    const from = performance.now()
    first?.nak(200)
    const [second] = await fetch(work, 1, LONG_MS)
    expect(performance.now() - from).toBeGreaterThan(150)
    expect(second?.token).toBe(`${seq}.2`)
    second?.ack()
  })

  test(`${name}: a lease that is not extended lapses, and the next holder has another token`, async () => {
    const work = await freshClass()
    const seq = await stage(work, 'lost')
    const [lost] = await fetch(work, 1, LONG_MS)
    const [found] = await fetch(work, 1, LONG_MS)
    expect([lost?.token, found?.token]).toEqual([`${seq}.1`, `${seq}.2`])
    expect(found?.delivery).toBe(2)
    found?.ack()
  })

  test(`${name}: a lease that is extended stays with its holder`, async () => {
    const work = await freshClass()
    await stage(work, 'long')
    const [lease] = await fetch(work, 1, LONG_MS)
    for (let n = 0; n < 4; n++) {
      lease?.extend()
      expect(await fetch(work, 1, LEASE_MS / 2)).toEqual([])
    }
    lease?.ack()
  })

  test(`${name}: a terminated message never comes back, and only the first verb counts`, async () => {
    const work = await freshClass()
    const seq = await stage(work, 'noise')
    const [lease] = await fetch(work, 1, LONG_MS)
    lease?.term()
    lease?.nak(10)
    expect(await fetch(work, 1, LEASE_MS * 2)).toEqual([])
    expect(await queueOf().queue.remove(seq)).toBe(false)
  })

  test(`${name}: the same message id is put once, and both callers hear its sequence`, async () => {
    const work = await freshClass()
    const { queue, other } = queueOf()
    const id = `twice-${work.workerClass}`
    const seqs = await Promise.all([
      queue.stage(work, 'high', id, 'task', Buffer.from('x')),
      other.stage(work, 'high', id, 'task', Buffer.from('x')),
    ])
    expect(seqs[0]).toBe(seqs[1])
    const leases = await fetch(work, 5, LONG_MS)
    expect(leases).toHaveLength(1)
    leases[0]?.ack()
  })

  test(`${name}: two pullers share the work, and nothing is done twice or left`, async () => {
    const work = await freshClass()
    const texts = Array.from({ length: 200 }, (_, n) => `task ${n}`)
    await Promise.all(texts.map((text, n) => stage(work, text, PRIORITIES[n % 3])))
    const seen: string[] = []
    const pull = async (queue: WorkQueue) => {
      let own = 0
      for (;;) {
        const leases = await queue.fetch([work], 7, LEASE_MS, never)
        if (leases.length === 0) return own
        for (const lease of leases) {
          seen.push(textOf(lease))
          own++
          lease.ack()
        }
      }
    }
    const { queue, other } = queueOf()
    const counts = await Promise.all([pull(queue), pull(other)])
    expect([...seen].sort()).toEqual([...texts].sort())
    expect(Math.min(...counts)).toBeGreaterThan(0)
  })

  test(`${name}: a message is held until it has ended, leased or not`, async () => {
    const { queue } = queueOf()
    const work = await freshClass()
    const seq = await stage(work, 'held')
    expect(await queue.holds(seq)).toBe(true)
    const [lease] = await fetch(work, 1, LONG_MS)
    expect(await queue.holds(seq)).toBe(true)
    lease?.ack()
    await expect.poll(() => queue.holds(seq)).toBe(false)
  })

  test(`${name}: a removed message is not delivered, and its neighbours are`, async () => {
    const work = await freshClass()
    const seqs = await Promise.all(['a', 'b', 'c'].map((text) => stage(work, text)))
    expect(await queueOf().other.remove(seqs[1]!)).toBe(true)
    expect(await queueOf().queue.remove(seqs[1]!)).toBe(false)
    const leases = await fetch(work, 5, LONG_MS)
    expect(leases.map(textOf)).toEqual(['a', 'c'])
    for (const lease of leases) lease.ack()
  })

  test(`${name}: high comes before normal before low, and none is starved`, async () => {
    const work = await freshClass()
    for (const priority of PRIORITIES) {
      await Promise.all(Array.from({ length: 40 }, () => stage(work, priority, priority)))
    }
    const order: string[] = []
    for (let n = 0; n < 36; n++) {
      const [lease] = await fetch(work, 1, LONG_MS)
      order.push(textOf(lease))
      lease?.ack()
    }
    const count = (priority: string) => order.filter((text) => text === priority).length
    // 24, 9 and 3 turns; the first may have been another's, if the queue had been waited on.
    expect([count('high') >= 23, count('normal') >= 8, count('low') >= 3]).toEqual([true, true, true])
    expect((await fetch(work, 12, LONG_MS)).map((lease) => (lease.ack(), textOf(lease))).sort()).toEqual(
      [...Array<string>(8).fill('high'), 'low', ...Array<string>(3).fill('normal')].sort(),
    )
  })

  test(`${name}: one fetch serves several classes and leaves the others alone`, async () => {
    const [one, two, three] = [await freshClass(), await freshClass(), await freshClass()]
    await stage(one, 'one')
    await stage(two, 'two')
    await stage(three, 'three')
    const leases = await queueOf().queue.fetch([one, two], 10, LONG_MS, never)
    expect(leases.map(textOf).sort()).toEqual(['one', 'two'])
    for (const lease of leases) lease.ack()
  })

  test(`${name}: an aborted fetch ends at once and takes nothing with it`, async () => {
    const work = await freshClass()
    const controller = new AbortController()
    const waiting = fetch(work, 2, LONG_MS, controller.signal)
    controller.abort()
    expect(await waiting).toEqual([])
    expect(await fetch(work, 2, LONG_MS, controller.signal)).toEqual([])
    await stage(work, 'mine')
    const [lease] = await fetch(work, 2, LONG_MS)
    expect(textOf(lease)).toBe('mine')
    lease?.ack()
  })

  test(`${name}: preparing twice at once changes nothing`, async () => {
    const work = await freshClass()
    await stage(work, 'kept')
    await Promise.all([queueOf().queue.prepare([work]), queueOf().other.prepare([work])])
    const leases = await fetch(work, 2, LONG_MS)
    expect(leases.map(textOf)).toEqual(['kept'])
    leases[0]?.ack()
  })
}
