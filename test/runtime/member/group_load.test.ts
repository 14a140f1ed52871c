/** A member under load, and a member that leaves. */
import { Mailbox } from '../../../runtime/index.ts'
import { describe, expect, test } from 'vitest'
import { startBroker } from '../../support/broker.ts'
import { Office, officeForEachTest } from './open_desk.ts'

let office: Office
officeForEachTest((opened) => {
  office = opened
})

describe('a full mailbox', () => {
  test('refuses, and the asker asks again until there is room', async () => {
    const { log } = await office.openDesk({ mailbox: new Mailbox({ concurrencyMax: 1, waitingMax: 1 }) })
    const asker = await office.openAsker()
    const first = asker.desk.wait({ name: 'first' })
    await log.until(1)
    const rest = ['a', 'b', 'c', 'd'].map((text) => asker.desk.say({ text }))
    // They leave at the end of this turn, ahead of what comes next on the same connection.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    const plain = await asker.connection.request('tacit.desk.say', '{"text":"plain"}')
    expect(plain.json()).toMatchObject({ code: 'overloaded' })
    log.waiting.get('first')!()
    await first
    await Promise.all(rest)
    expect(log.seen.toSorted()).toEqual(['a', 'b', 'c', 'd', 'first'])
  })
})

describe('a member that stops', () => {
  test('finishes what it has, while another takes what is new', async () => {
    const leaving = await office.openDesk()
    const asker = await office.openAsker()
    const waiting = asker.desk.wait({ name: 'w' })
    await leaving.log.until(1)
    const drained = leaving.group.drain(5000)
    await leaving.transport.flush()
    const staying = await office.openDesk()
    await asker.desk.say({ text: 'new' })
    expect(leaving.log.seen).toEqual(['w'])
    expect(staying.log.seen).toEqual(['new'])
    leaving.log.waiting.get('w')!()
    expect(await waiting).toEqual({ aborted: false })
    await drained
  })

  test('tells what does not end to stop, and leaves', async () => {
    const leaving = await office.openDesk()
    const asker = await office.openAsker()
    const waiting = asker.desk.wait({ name: 'w' })
    await leaving.log.until(1)
    await leaving.group.drain(10)
    expect(await waiting).toEqual({ aborted: true })
  })

  test('loses no letter, though letters keep coming while it leaves', async () => {
    const desks = [await office.openDesk(), await office.openDesk()]
    const asker = await office.openAsker()
    const answers: Promise<unknown>[] = []
    // A single try each: a lost letter would fail.
    const ask = (text: string) => asker.desk.say({ text }, { timeoutMs: 5_000, attemptMs: 5_000 })
    for (let round = 0; round < 40; round += 1) {
      for (let i = 0; i < 20; i += 1) answers.push(ask(`${round}.${i}`))
      if (round === 20) answers.push(desks[0]!.group.drain(1000))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(answers)
    const seen = desks.flatMap(({ log }) => log.seen)
    expect(seen).toHaveLength(800)
    expect(new Set(seen).size).toBe(800)
  })

  test('leaves in time though the broker is gone', async () => {
    const lonely = await startBroker()
    const other = new Office(lonely)
    const { group } = await other.openDesk()
    await lonely.kill()
    await group.drain(10)
    await other[Symbol.asyncDispose]()
    await lonely.stop()
  })
})
