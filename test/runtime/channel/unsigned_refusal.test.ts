import { expect, test } from 'vitest'
import type { Delivery } from '../../../runtime/index.ts'
import { readUnsigned } from '../../../runtime/channel/unsigned_refusal.ts'

const delivery = (headers: Record<string, string>, noResponders = false): Delivery => ({
  subject: 'tacit.inbox.client.x.1',
  reply: undefined,
  data: new Uint8Array(0),
  noResponders,
  header: (name) => headers[name],
})

test('what has no code may be an envelope', () => {
  expect(readUnsigned(delivery({}))).toBeUndefined()
  expect(readUnsigned(delivery({ 'Tacit-Sender': 'x' }))).toBeUndefined()
})

test('the broker says that nobody listens', () => {
  expect(readUnsigned(delivery({}, true))).toMatchObject({
    code: 'unavailable',
    message: 'nobody answers for this service',
  })
})

test('what any door may say is a refusal, in its words', () => {
  const refusal = readUnsigned(delivery({ 'Tacit-Code': 'unknown_version', 'Nats-Service-Error': 'not spoken here' }))
  expect(refusal).toMatchObject({ code: 'unknown_version', message: 'not spoken here' })
})

test.each(['revoked', 'platform_untrusted', 'forbidden', 'unauthenticated', 'lease_lost'])(
  'what only a handler decides, such as %s, is no more than silence',
  (code) => {
    expect(readUnsigned(delivery({ 'Tacit-Code': code }))).toMatchObject({ code: 'unavailable' })
  },
)

test('a code that nobody knows counts as internal', () => {
  expect(readUnsigned(delivery({ 'Tacit-Code': 'nonsense' }))).toMatchObject({ code: 'internal' })
})
