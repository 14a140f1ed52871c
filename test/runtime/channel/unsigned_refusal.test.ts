import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../messages/index.ts'
import type { Delivery, Transport } from '../../../runtime/index.ts'
import { publishUnsigned, readUnsigned, withoutReason } from '../../../runtime/channel/unsigned_refusal.ts'

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

describe('what is published', () => {
  const published = (refusal: Refusal) => {
    const sent: { subject: string; note: unknown; headers: Readonly<Record<string, string>> }[] = []
    const publish: Transport['publish'] = (subject, data, { headers = {} } = {}) =>
      void sent.push({ subject, note: JSON.parse(Buffer.from(data).toString()), headers })
    publishUnsigned({ publish }, '_INBOX.x', refusal)
    return sent
  }

  test('is read as the same refusal', () => {
    const [sent] = published(new Refusal('unknown_version', 'not spoken here', { hint: 'speak another' }))
    expect(sent).toMatchObject({
      subject: '_INBOX.x',
      note: { code: 'unknown_version', message: 'not spoken here', hint: 'speak another' },
    })
    expect(readUnsigned(delivery(sent!.headers))).toMatchObject({ code: 'unknown_version', message: 'not spoken here' })
  })

  test('has its text on one line of bounded length, whatever it quotes', () => {
    const [sent] = published(new Refusal('malformed', `a\r\nTacit-Code: ok ${'é'.repeat(600)}`))
    const text = sent!.headers['Nats-Service-Error']!
    expect(text).toMatch(/^a {2}Tacit-Code: ok é+$/)
    expect(text).toHaveLength(512)
  })

  test('does not say which check of cryptography failed', () => {
    const seen = withoutReason(new Refusal('not_admitted', 'the frame cannot be opened', { cause: 'signature' }))
    expect(seen).toMatchObject({ code: 'not_admitted', message: 'the sender is not admitted' })
    expect(seen.cause).toBeUndefined()
    const open = new Refusal('not_admitted', 'desk.inner is not open to clients')
    expect(withoutReason(open)).toBe(open)
  })
})
