import type { Msg } from '@nats-io/nats-core'
import { describe, expect, test } from 'vitest'
import type { ReplyLetter } from '../../../messages/index.ts'
import { encodeRequest, pack, parseReply } from '../../../messages/index.ts'
import { Mailbox } from '../../../runtime/index.ts'
import type { OpenAsker } from './open_desk.ts'
import type { Office } from './open_desk.ts'
import { officeForEachTest } from './open_desk.ts'

let office: Office
officeForEachTest((opened) => {
  office = opened
})

const later = () => Date.now() + 10_000
const letter = (number: number, method: string, body: unknown, deadlineMs = later()) =>
  encodeRequest({ number, method, deadlineMs, idempotencyKey: null, body })

/** Sends letters in one frame of our own making, and opens what comes back. */
async function exchange(asker: OpenAsker, method: string, letters: readonly Uint8Array[]): Promise<ReplyLetter[]> {
  const subject = `tacit.desk.${method}`
  const { bytes } = asker.channel.sealToGroup({ kind: 'request', group: 'desk', subject, letters })
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

  test('with a letter for another method than its subject is answered with a refusal for that letter', async () => {
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
    const { bytes } = asker.channel.sealToGroup({
      kind: 'request',
      group: 'desk',
      subject,
      letters: [letter(9, 'say', { text: 'x' })],
    })
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
