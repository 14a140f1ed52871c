import { describe, expect, test } from 'vitest'
import { Mailbox } from '../../../runtime/index.ts'

/** Work that ends when told. */
function openWork() {
  const ends: (() => void)[] = []
  return { ends, work: () => new Promise<void>((resolve) => ends.push(resolve)) }
}
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
const overloaded = expect.objectContaining({ code: 'overloaded' })

describe('a mailbox', () => {
  test('handles so many at a time, lets so many wait, and refuses the next', async () => {
    const { ends, work } = openWork()
    const mailbox = new Mailbox({ concurrencyMax: 2, waitingMax: 1 })
    for (let i = 0; i < 3; i += 1) mailbox.accept(work)
    expect(ends).toHaveLength(2)
    expect(mailbox.load).toEqual({ handling: 2, waiting: 1 })
    expect(() => mailbox.accept(work)).toThrow(overloaded)
    ends[0]!()
    await nextTurn()
    expect(ends).toHaveLength(3)
    expect(mailbox.load).toEqual({ handling: 2, waiting: 0 })
    mailbox.accept(work)
  })

  test('goes through what waits in order', async () => {
    const mailbox = new Mailbox({ concurrencyMax: 1, waitingMax: 10 })
    const order: number[] = []
    let end = () => {}
    mailbox.accept(() => new Promise<void>((resolve) => (end = resolve)))
    for (const n of [1, 2, 3]) mailbox.accept(async () => void order.push(n))
    end()
    await nextTurn()
    expect(order).toEqual([1, 2, 3])
  })

  test('does not go deep into the stack over a long queue of work that ends at once', async () => {
    const waitingMax = 100_000
    const mailbox = new Mailbox({ concurrencyMax: 1, waitingMax })
    let end = () => {}
    let done = 0
    mailbox.accept(() => new Promise<void>((resolve) => (end = resolve)))
    for (let i = 0; i < waitingMax; i += 1) mailbox.accept(() => void (done += 1))
    end()
    await nextTurn()
    expect(done).toBe(waitingMax)
    expect(mailbox.load).toEqual({ handling: 0, waiting: 0 })
  })

  test('keeps its count when work fails, at once or later', async () => {
    const mailbox = new Mailbox({ concurrencyMax: 1, waitingMax: 2 })
    mailbox.accept(() => {
      throw new Error('at once')
    })
    expect(mailbox.load.handling).toBe(0)
    mailbox.accept(() => Promise.reject(new Error('later')))
    mailbox.accept(() => {
      throw new Error('at once, after waiting')
    })
    await nextTurn()
    expect(mailbox.load).toEqual({ handling: 0, waiting: 0 })
  })
})

describe('draining', () => {
  test('finishes what was accepted, waiting work included, and takes no more', async () => {
    const { ends, work } = openWork()
    const mailbox = new Mailbox({ concurrencyMax: 1, waitingMax: 1 })
    mailbox.accept(work)
    mailbox.accept(work)
    let drained = false
    const drain = mailbox.drain().then(() => (drained = true))
    expect(() => mailbox.accept(work)).toThrow(expect.objectContaining({ code: 'unavailable' }))
    ends[0]!()
    await nextTurn()
    expect(drained).toBe(false)
    ends[1]!()
    await drain
  })

  test('of an idle mailbox ends at once', async () => {
    await new Mailbox().drain()
  })
})
