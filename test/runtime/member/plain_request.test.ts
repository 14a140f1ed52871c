import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bytes, PLAIN_BYTES_MAX, protocol, Refusal } from '../../../messages/index.ts'
import type { Delivery } from '../../../runtime/index.ts'
import type { PlainRequest } from '../../../runtime/member/plain_request.ts'
import { answerPlain } from '../../../runtime/member/plain_request.ts'

const desk = protocol('desk', 'Takes plain requests', ['client'], {
  say: { about: 'Says', request: z.strictObject({}), reply: z.strictObject({}), refuses: [], plain: true },
  prove: { about: 'Proves', request: z.strictObject({}), reply: z.strictObject({}), refuses: [], plain: 'always' },
  wrap: {
    about: 'Wraps',
    request: z.strictObject({}),
    reply: z.strictObject({ data: bytes(0, 9) }),
    refuses: [],
    plain: true,
    plainField: 'request',
  },
  sealed: { about: 'Takes envelopes', request: z.strictObject({}), reply: z.strictObject({}), refuses: [] },
})

interface Sent {
  method?: string | undefined
  body?: string | Uint8Array
  headers?: Record<string, string>
  accepted?: boolean
  reply?: unknown
}

async function send({ method = 'say', body = '{}', headers = {}, accepted = true, reply = {} }: Sent) {
  const delivery: Delivery = {
    subject: `tacit.desk.${method}`,
    reply: '_INBOX.x',
    data: Buffer.from(body),
    noResponders: false,
    header: (name) => headers[name],
  }
  let seen: PlainRequest | undefined
  const answer = await answerPlain(delivery, {
    protocol: desk,
    method: method === '' ? undefined : method,
    accepted,
    handle: (request) => {
      seen = request
      return reply
    },
  }).catch((error: unknown) => error)
  if (answer instanceof Error) {
    expect(answer).toBeInstanceOf(Refusal)
    return { refusal: answer as Refusal, seen }
  }
  return { json: JSON.parse(Buffer.from(answer as Uint8Array).toString()) as unknown, seen }
}

describe('a plain request', () => {
  test('is a JSON body for a method', async () => {
    const { seen, json } = await send({ body: '{"text":"ä"}', reply: { ok: true } })
    expect(seen).toMatchObject({ method: 'say', body: { text: 'ä' }, bearer: undefined })
    expect(json).toEqual({ ok: true })
  })

  test('without a body is an empty object', async () => {
    expect((await send({ body: '' })).seen?.body).toEqual({})
  })

  test('is one field of the request where the method says so', async () => {
    expect((await send({ method: 'wrap', body: '{"a":1}' })).seen?.body).toEqual({ request: { a: 1 } })
  })

  test('is answered with base64 where there are bytes', async () => {
    expect(
      (await send({ method: 'wrap', reply: { data: Buffer.from([1, 2]), list: [Buffer.from([3])] } })).json,
    ).toEqual({
      data: 'AQI=',
      list: ['Aw=='],
    })
  })

  test.each([
    ['Bearer abc.DEF-_1', 'abc.DEF-_1'],
    ['bearer  x', undefined],
    ['bearer x', 'x'],
    ['Basic abc', undefined],
    ['Bearer a b', undefined],
    ['Bearer ', undefined],
  ])('with the header Authorization: %s brings the token %s', async (header, bearer) => {
    expect((await send({ headers: { Authorization: header } })).seen?.bearer).toBe(bearer)
  })

  test('is the same again under the same Nats-Msg-Id, and another without', async () => {
    const withId = { headers: { 'Nats-Msg-Id': 'm1' } }
    expect((await send(withId)).seen?.requestId).toBe((await send(withId)).seen?.requestId)
    expect((await send({})).seen?.requestId).not.toBe((await send({})).seen?.requestId)
  })
})

describe('a plain request is refused', () => {
  test('where the deployment takes none, with the way out', async () => {
    const { refusal, seen } = await send({ accepted: false })
    expect(refusal).toMatchObject({ code: 'plain_not_accepted', hint: expect.stringContaining('SDK') })
    expect(seen).toBeUndefined()
  })

  test('but for the methods that must be plain', async () => {
    expect((await send({ method: 'prove', accepted: false })).refusal).toBeUndefined()
  })

  test.each<[string, Sent, string, string]>([
    ['for a method that takes envelopes only', { method: 'sealed' }, 'malformed', 'takes envelopes only'],
    ['for a method that does not exist', { method: 'nothing' }, 'unknown_method', 'has no method'],
    [
      'for a method by the name of a property of all objects',
      { method: 'constructor' },
      'unknown_method',
      'has no method',
    ],
    ['on a control subject', { method: '' }, 'unknown_method', 'has no method'],
    ['when it is no JSON', { body: 'text' }, 'malformed', 'neither JSON nor an envelope'],
    ['when it is no UTF-8', { body: Buffer.from([0x22, 0xff, 0x22]) }, 'malformed', 'neither JSON nor an envelope'],
    ['when it is two values', { body: '{}{}' }, 'malformed', 'neither JSON nor an envelope'],
    ['when it is too large', { body: Buffer.alloc(PLAIN_BYTES_MAX + 1, 0x20) }, 'too_large', 'at most'],
    ['when its id is too long', { headers: { 'Nats-Msg-Id': 'x'.repeat(129) } }, 'invalid_request', 'Nats-Msg-Id'],
    ['when its answer is too large', { reply: { text: 'x'.repeat(PLAIN_BYTES_MAX) } }, 'too_large', 'the answer has'],
  ])('%s', async (_what, sent, code, text) => {
    const { refusal } = await send(sent)
    expect(refusal).toMatchObject({ code, message: expect.stringContaining(text) })
  })
})
