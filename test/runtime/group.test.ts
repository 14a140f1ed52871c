import type { Msg } from '@nats-io/nats-core'
import { headers } from '@nats-io/nats-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ReplyLetter } from '../../messages/index.ts'
import { encodeRequest, pack, parseReply } from '../../messages/index.ts'
import { Mailbox } from '../../runtime/index.ts'
import type { TestBroker } from '../support/broker.ts'
import { startBroker } from '../support/broker.ts'
import type { OpenAsker } from './open_desk.ts'
import { Office } from './open_desk.ts'

let broker: TestBroker
let office: Office
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.stop())
beforeEach(() => {
  office = new Office(broker)
})
afterEach(() => office[Symbol.asyncDispose]())

const later = () => Date.now() + 10_000
const letter = (number: number, method: string, body: unknown, deadlineMs = later()) =>
  encodeRequest({ number, method, deadlineMs, idempotencyKey: null, body })

/** Sends letters in one frame of our own making, and opens what comes back. */
async function exchange(asker: OpenAsker, method: string, letters: readonly Uint8Array[]): Promise<ReplyLetter[]> {
  const subject = `tacit.desk.${method}`
  const { bytes } = asker.channel.sealToGroup('request', 'desk', subject, letters)
  const replies: ReplyLetter[] = []
  const inbox = `_INBOX.${asker.identity.id.slice(0, 8)}`
  await new Promise<void>((resolve, reject) => {
    const subscription = asker.connection.subscribe(inbox, {
      callback: (error, message: Msg) => {
        if (error !== null) return reject(error)
        if (message.headers !== undefined && message.headers.has('Tacit-Code')) {
          replies.push({ number: 0, refusal: message.json() })
          return resolve()
        }
        void Promise.resolve(asker.channel.open(message.subject, message.data, () => {})).then((frame) => {
          replies.push(...frame.letters.map(parseReply))
          if (replies.length >= letters.length) resolve()
        }, reject)
      },
    })
    asker.connection.publish(subject, bytes, { reply: inbox })
    subscription.closed.catch(reject)
  })
  return replies.sort((a, b) => a.number - b.number)
}

describe('a handler', () => {
  test('is answered for with what it returns, and knows who asked and under which id', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const reply = await asker.desk.say({ text: 'hello', data: Buffer.from([1, 2]) })
    const session = Buffer.from(asker.identity.sessionPrefix).toString('hex')
    expect(reply).toEqual({
      text: 'hello',
      data: Buffer.from([1, 2]),
      request_id: `${asker.identity.id}/${session}.1`,
      from: asker.identity.id,
    })
  })

  test('that refuses is heard in full', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    await expect(asker.desk.refuse({ text: 'not this' })).rejects.toMatchObject({
      code: 'forbidden',
      message: 'not this',
      hint: 'ask for something else',
      field: 'text',
    })
  })

  test.each(['fail', 'fail_later'] as const)(
    'that fails, by %s, is heard of as internal, without details',
    async (method) => {
      const told: unknown[] = []
      const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void told.push(fields) }
      await office.openDesk({ log })
      const asker = await office.openAsker()
      const error = (await asker.desk[method]({}).catch((reason: unknown) => reason)) as Error & { code: string }
      expect(error.code).toBe('internal')
      expect(JSON.stringify(error)).not.toContain('secret')
      expect(error.message).not.toContain('secret')
      expect(told).toHaveLength(1)
      await asker.desk.say({ text: 'still here' })
    },
  )

  test('never sees a request that its schema refuses, and the field is named', async () => {
    const { log } = await office.openDesk()
    const asker = await office.openAsker()
    const wrong = { text: 7 } as unknown as { text: string }
    await expect(asker.desk.say(wrong)).rejects.toMatchObject({ code: 'invalid_request', field: 'text' })
    await expect(asker.desk.say({ text: 'x', extra: 1 } as { text: string })).rejects.toMatchObject({ field: 'extra' })
    expect(log.seen).toEqual([])
  })

  test('whose answer is too large refuses, and the answers beside it arrive', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const answers = await Promise.allSettled([
      asker.desk.swell({ length: 950_000 }),
      asker.desk.swell({ length: 850_000 }),
      asker.desk.swell({ length: 850_000 }),
      asker.desk.swell({ length: 200_000 }),
      asker.desk.swell({ length: 200_000 }),
    ])
    expect(answers[0]).toMatchObject({ status: 'rejected', reason: { code: 'too_large' } })
    expect(answers.slice(1).map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'fulfilled'))
  })
})

describe('a deadline', () => {
  test('that has passed keeps work from beginning', async () => {
    const { log } = await office.openDesk()
    const asker = await office.openAsker()
    const [reply] = await exchange(asker, 'say', [letter(1, 'say', { text: 'late' }, Date.now() - 1)])
    expect(reply).toMatchObject({ refusal: { code: 'deadline_exceeded' } })
    expect(log.seen).toEqual([])
  })

  test('that passes while a letter waits in the mailbox does so too', async () => {
    const { log } = await office.openDesk({ mailbox: new Mailbox({ concurrencyMax: 1, waitingMax: 10 }) })
    const asker = await office.openAsker()
    const first = asker.desk.wait({ name: 'first' })
    await log.until(1)
    await expect(asker.desk.say({ text: 'second' }, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    })
    log.waiting.get('first')!()
    await first
    await asker.desk.say({ text: 'third' })
    expect(log.seen).toEqual(['first', 'third'])
  })

  test('aborts the signal of a handler that is still at work', async () => {
    const { log } = await office.openDesk()
    const asker = await office.openAsker()
    const [reply] = await exchange(asker, 'wait', [letter(1, 'wait', { name: 'w' }, Date.now() + 50)])
    expect(reply).toEqual({ number: 1, body: { aborted: true } })
    expect(log.contexts[0]?.signal.reason).toMatchObject({ code: 'deadline_exceeded' })
  })
})

describe('a frame', () => {
  test('of many letters is answered letter by letter', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const letters = [letter(1, 'say', { text: 'a' }), letter(2, 'say', { text: 7 }), letter(3, 'say', { text: 'c' })]
    expect(await exchange(asker, 'say', letters)).toMatchObject([
      { number: 1, body: { text: 'a' } },
      { number: 2, refusal: { code: 'invalid_request' } },
      { number: 3, body: { text: 'c' } },
    ])
  })

  test('with a letter of another form is refused whole, and nothing of it is handled', async () => {
    const { log } = await office.openDesk()
    const asker = await office.openAsker()
    const replies = await exchange(asker, 'say', [letter(1, 'say', { text: 'a' }), pack(['no letter'])])
    expect(replies).toMatchObject([{ refusal: { code: 'malformed' } }])
    expect(log.seen).toEqual([])
  })

  test('with a letter for another method than its subject names is answered with a refusal for that letter', async () => {
    const { log } = await office.openDesk()
    const asker = await office.openAsker()
    const replies = await exchange(asker, 'say', [letter(1, 'once', {}), letter(2, 'say', { text: 'b' })])
    expect(replies).toMatchObject([{ refusal: { code: 'misaddressed' } }, { body: { text: 'b' } }])
    expect(log.seen).toEqual(['b'])
  })
})

describe('request ids', () => {
  test('are the same for one letter at two members of the group', async () => {
    const [one, two] = [await office.openDesk(), await office.openDesk()]
    const asker = await office.openAsker()
    const subject = 'tacit.desk.say'
    const { bytes } = asker.channel.sealToGroup('request', 'desk', subject, [letter(9, 'say', { text: 'x' })])
    for (let i = 0; one.log.seen.length === 0 || two.log.seen.length === 0; i += 1) {
      expect(i).toBeLessThan(200)
      await asker.connection.request(subject, bytes)
    }
    expect(one.log.contexts[0]?.requestId).toBe(two.log.contexts[0]?.requestId)
  })

  test('come from the key where there is one: of a client within its own name, of a member as it is', async () => {
    await office.openDesk()
    const client = await office.openAsker('client')
    const member = await office.openAsker('asker')
    const idOf = async (asker: OpenAsker, idempotencyKey: string) =>
      (await asker.desk.say({ text: 'x' }, { idempotencyKey })).request_id
    expect(await idOf(client, 'key')).toBe(`${client.identity.id}/key`)
    expect(await idOf(client, 'key')).toBe(await idOf(client, 'key'))
    expect(await idOf(await office.openAsker('client'), 'key')).not.toBe(await idOf(client, 'key'))
    expect(await idOf(member, 'key')).toBe('key')
    // As long as a key may be, so that it can be forwarded as one.
    expect((await idOf(client, 'x'.repeat(256))).length).toBeLessThanOrEqual(256)
    expect(await idOf(client, 'x'.repeat(256))).not.toBe(await idOf(client, 'y'.repeat(256)))
    await expect(idOf(client, 'x'.repeat(257))).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

describe('plain requests', () => {
  const json = (message: Msg) => message.json<Record<string, unknown>>()

  test('are answered as JSON', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const answer = await asker.connection.request('tacit.desk.say', '{"text":"ä","data":"AQI="}')
    expect(json(answer)).toMatchObject({ text: 'ä', data: 'AQI=', from: 'plain' })
  })

  test('are refused with the headers of the service protocol and a JSON body', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const answer = await asker.connection.request('tacit.desk.refuse', '{"text":"not this"}')
    expect(json(answer)).toEqual({
      code: 'forbidden',
      message: 'not this',
      hint: 'ask for something else',
      field: 'text',
    })
    expect(answer.headers?.get('Tacit-Code')).toBe('forbidden')
    expect(answer.headers?.get('Nats-Service-Error')).toBe('not this')
    expect(answer.headers?.get('Nats-Service-Error-Code')).toBe('403')
  })

  test('whose refusal quotes line breaks are refused on one line all the same', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const quoted = await asker.connection.request(
      'tacit.desk.refuse',
      JSON.stringify({ text: 'one\r\nTacit-Code: ok\0\ntwo' }),
    )
    expect(json(quoted)).toMatchObject({ code: 'forbidden', message: 'one\r\nTacit-Code: ok\0\ntwo' })
    expect(quoted.headers?.get('Nats-Service-Error')).toBe('one  Tacit-Code: ok  two')
    const field = await asker.connection.request('tacit.desk.say', '{"text":"x","a\\r\\nb":1}')
    expect(json(field)).toMatchObject({ code: 'invalid_request', field: 'a\r\nb' })
  })

  test('may be refused as a whole', async () => {
    const { log } = await office.openDesk({ plainRequests: false })
    const asker = await office.openAsker()
    expect(json(await asker.connection.request('tacit.desk.say', '{"text":"x"}'))).toMatchObject({
      code: 'plain_not_accepted',
    })
    expect(log.seen).toEqual([])
    await asker.desk.say({ text: 'sealed' })
  })

  test('bring a bearer token, and the id that makes them the same again', async () => {
    const { log } = await office.openDesk()
    const asker = await office.openAsker()
    const withHeaders = headers()
    withHeaders.set('Authorization', 'Bearer a.b.c')
    withHeaders.set('Nats-Msg-Id', 'm1')
    for (let i = 0; i < 2; i += 1)
      await asker.connection.request('tacit.desk.say', '{"text":"x"}', { timeout: 5000, headers: withHeaders })
    expect(log.contexts.map(({ requestId, bearer, plain }) => [requestId, bearer, plain])).toEqual([
      ['plain/m1', 'a.b.c', true],
      ['plain/m1', 'a.b.c', true],
    ])
  })

  test('that fail, or cannot be answered in one message, say so', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    expect(json(await asker.connection.request('tacit.desk.fail', '{}'))).toMatchObject({ code: 'internal' })
    expect(json(await asker.connection.request('tacit.desk.swell', '{"length":950000}'))).toMatchObject({
      code: 'too_large',
    })
  })
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

test('what was asked is counted by method, and what a stranger makes up is not', async () => {
  const { stats } = await office.openDesk()
  const asker = await office.openAsker()
  await asker.desk.say({ text: 'x' })
  await asker.desk.refuse({ text: 'x' }).catch(() => {})
  await asker.connection.request('tacit.desk.invented', '{}')
  expect(stats.of('say')).toMatchObject({ requests: 1, errors: 0 })
  expect(stats.of('refuse')).toMatchObject({ requests: 1, errors: 1 })
  expect(stats.of('invented')).toMatchObject({ requests: 0 })
})
