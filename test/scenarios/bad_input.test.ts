import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateSigningKey } from '../../attestation/index.ts'
import { FRAME_BYTES_MAX, pack, PLAIN_BYTES_MAX } from '../../messages/index.ts'
import type { RefusalCode } from '../../messages/index.ts'
import { systemClock } from '../../runtime/index.ts'
import type { Party, TestDeployment } from '../support/deployment.ts'
import { startTestDeployment } from '../support/deployment.ts'
import type { Stranger } from '../support/stranger.ts'
import { comeAsStranger } from '../support/stranger.ts'

const HOUR_MS = 3_600_000
const now = () => systemClock.now()

/** Something wrong, and the code that it must get. */
type Case = [what: string, code: RefusalCode, bytes: (stranger: Stranger) => Uint8Array | string]

/** Refused in the open: the frame itself is no good. */
const BAD_FRAMES: Case[] = [
  ['noise', 'malformed', () => randomBytes(5_000)],
  ['the first bytes of a frame', 'malformed', () => 'TCT\u0001'],
  ['a frame that is cut off', 'malformed', ({ frame }) => frame().subarray(0, 120)],
  ['a frame of a later version', 'unknown_version', ({ frame }) => changed(frame(), 3, 9)],
  ['a kind that is none', 'malformed', ({ frame }) => changed(frame(), 4, 77)],
  ['a credential of no kind', 'malformed', ({ frame }) => changed(frame(), 5, 9)],
  ['a frame too large', 'too_large', () => Buffer.concat([Buffer.from('TCT\u0001'), Buffer.alloc(FRAME_BYTES_MAX)])],
  ['bytes behind the frame', 'not_admitted', ({ frame }) => Buffer.concat([frame(), randomBytes(8)])],
  ['a flipped bit in the seal', 'not_admitted', ({ frame }) => changed(frame(), -20, 1)],
  ['a flipped bit in the header', 'not_admitted', ({ frame }) => changed(frame(), 15, 0)],
  ['the signature of another key', 'not_admitted', ({ frame }) => frame({ signingKey: generateSigningKey() })],
  [
    'a passport that does not exist',
    'not_admitted',
    ({ frame }) => frame({ header: { credential: { kind: 'passport', digest: randomBytes(32) } } }),
  ],
  ['more letters announced than there are', 'malformed', ({ frame }) => frame({ header: { letters: 2 } })],
  ['a letter that is none', 'malformed', ({ frame }) => frame({ letters: [Buffer.from('hello')] })],
  [
    'a letter that claims four billion entries',
    'malformed',
    ({ frame }) => frame({ letters: [Buffer.from('ddffffffff', 'hex')] }),
  ],
  [
    'a letter that claims four billion fields',
    'malformed',
    ({ frame }) => frame({ letters: [Buffer.from('dfffffffff', 'hex')] }),
  ],
  ['a letter nested without end', 'malformed', ({ frame }) => frame({ letters: [Buffer.alloc(800_000, 0x91)] })],
  [
    'a frame for another method',
    'misaddressed',
    ({ frame }) => frame({ header: { subject: 'tacit.frontend.get_task' } }),
  ],
  ['a frame for another service', 'stale_epoch', ({ frame }) => frame({ header: { receiver: 'management' } })],
  ['a frame for one member', 'misaddressed', ({ frame }) => frame({ header: { receiver: 'frontend-1', epoch: 0 } })],
  ['a key epoch that is none', 'stale_epoch', ({ frame }) => frame({ header: { epoch: 999 } })],
  ['an answer as a request', 'misaddressed', ({ frame }) => frame({ header: { kind: 'reply' } })],
  ['a post as a request', 'misaddressed', ({ frame }) => frame({ header: { kind: 'post' } })],
  [
    'a frame of an hour ago',
    'expired',
    ({ frame }) => frame({ header: { issuedAtMs: now() - HOUR_MS, expiresAtMs: now() - 1 } }),
  ],
  [
    'a frame of tomorrow',
    'expired',
    ({ frame }) => frame({ header: { issuedAtMs: now() + HOUR_MS, expiresAtMs: now() + HOUR_MS + 1 } }),
  ],
  [
    'a frame that would live for days',
    'expired',
    ({ frame }) => frame({ header: { expiresAtMs: now() + 48 * HOUR_MS } }),
  ],
]

/** Refused in an envelope: the letter inside is no good. */
const BAD_LETTERS: Case[] = [
  [
    'a method that does not exist',
    'misaddressed',
    ({ frame, letter }) => frame({ letters: [letter({ method: 'make_coffee' })] }),
  ],
  [
    'a letter for another method',
    'misaddressed',
    ({ frame, letter }) => frame({ letters: [letter({ method: 'get_task' })] }),
  ],
  [
    'a body of another form',
    'invalid_request',
    ({ frame, letter }) => frame({ letters: [letter({ body: 'list_tasks' })] }),
  ],
  [
    'a field too many',
    'invalid_request',
    ({ frame, letter }) => frame({ letters: [letter({ body: { request: {}, admin: true } })] }),
  ],
  ['no session', 'unauthenticated', ({ frame, letter }) => frame({ letters: [letter({ body: { request: {} } })] })],
  ["a session of somebody else's key", 'unauthenticated', ({ frame }) => frame()],
  [
    'a deadline that has passed',
    'deadline_exceeded',
    ({ frame, letter }) => frame({ letters: [letter({ deadlineMs: now() - 1 })] }),
  ],
]

const BAD_PLAIN: Case[] = [
  ['nothing that is JSON', 'malformed', () => '{"limit":'],
  ['text in no encoding', 'malformed', () => Buffer.from([0xff, 0xfe, 0x7b])],
  ['msgpack', 'malformed', () => pack({ limit: 1 })],
  ['a list instead of an object', 'invalid_request', () => '[]'],
  ['an object nested a hundred thousand deep', 'malformed', () => '['.repeat(100_000)],
  ['a prototype', 'invalid_request', () => '{"__proto__":{"admin":true},"limit":1}'],
  ['a body too large', 'too_large', () => JSON.stringify({ text: 'x'.repeat(PLAIN_BYTES_MAX) })],
]

describe('a stranger throws everything at the frontend', () => {
  let platform: TestDeployment
  let alice: Party
  let stranger: Stranger
  let pids: (number | undefined)[]
  const pidsNow = () => platform.deployment.services().map(({ pid }) => pid)

  beforeAll(async () => {
    platform = await startTestDeployment({ workers: 1 })
    alice = await platform.register('alice')
    pids = pidsNow()
    stranger = await comeAsStranger(platform.deployment.natsUrl, platform.manifest, alice.session.token)
  })
  afterAll(async () => {
    await stranger[Symbol.asyncDispose]()
    await platform.stop()
  })

  test.each(BAD_FRAMES)('%s: %s', async (_what, code, bytes) => {
    expect(await stranger.send('list_tasks', bytes(stranger))).toEqual({ code, sealed: false })
  })

  test.each(BAD_LETTERS)('%s: %s', async (_what, code, bytes) => {
    expect(await stranger.send('list_tasks', bytes(stranger))).toEqual({ code, sealed: true })
  })

  test.each(BAD_PLAIN)('a plain request of %s: %s', async (_what, code, bytes) => {
    expect(await stranger.send('list_tasks', bytes(stranger))).toEqual({ code, sealed: false })
  })

  test('a method that does not exist, in a frame that is addressed to it', async () => {
    const header = { subject: 'tacit.frontend.make_coffee' }
    const frame = stranger.frame({ header, letters: [stranger.letter({ method: 'make_coffee' })] })
    expect(await stranger.send('make_coffee', frame)).toMatchObject({ code: 'unknown_method' })
    const key = { header: { subject: 'tacit.frontend.__proto__' }, letters: [stranger.letter({ method: '__proto__' })] }
    expect(await stranger.send('__proto__', stranger.frame(key))).toMatchObject({ code: 'unknown_method' })
  })

  test('the same frame again is refused as that', async () => {
    const frame = stranger.frame()
    expect(await stranger.send('list_tasks', frame)).toEqual({ code: 'unauthenticated', sealed: true })
    expect(await stranger.send('list_tasks', frame)).toEqual({ code: 'replayed', sealed: false })
  })

  test('the broker keeps a guest from the services behind the door', async () => {
    const { connection } = stranger
    await expect(connection.request('tacit.management.get_task', stranger.frame(), { timeout: 300 })).rejects.toThrow()
    await expect(connection.request('tacit.storage.get', '{}', { timeout: 300 })).rejects.toThrow()
  })

  test('a flood of it costs nobody else his answer', async () => {
    const { connection, frame } = stranger
    const noise = randomBytes(2_000)
    for (let sent = 0; sent < 3_000; sent += 1) {
      connection.publish('tacit.frontend.list_tasks', sent % 3 === 0 ? noise : changed(frame(), -20, sent % 256), {
        reply: '_INBOX.nobody',
      })
    }
    const [tasks] = await Promise.all([alice.api.list_tasks({}), connection.flush()])
    expect(tasks).toEqual({ tasks: [] })
  })

  test('no process ended by any of this, and all is as before', async () => {
    await expect(alice.api.list_tasks({})).resolves.toEqual({ tasks: [] })
    await expect(platform.login(alice.id, alice.password)).resolves.toBeDefined()
    expect(pidsNow()).toEqual(pids)
    expect(platform.deployment.services().map(({ state, endings }) => [state, endings])).toEqual(
      pids.map(() => ['ready', 0]),
    )
  })
})

/** The same bytes but for one; a negative place counts from the end. */
function changed(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  const place = at < 0 ? copy.length + at : at
  // A byte that has the value already is flipped, so that the bytes are never the same.
  copy[place] = copy[place] === value ? value ^ 0xff : value
  return copy
}
