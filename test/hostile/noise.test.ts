/** Eve makes noise: much of it, large, deep, and under names that nobody knows. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { desk } from '../runtime/member/desk.ts'
import { askerService } from '../support/echo.ts'
import type { Scene } from './scene.ts'
import { credentialOf, openScene, SAY } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

/** A seeded stream of numbers, so that a failure can be seen again. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Publishes many messages, and waits until the desk has dealt with them all. */
async function flood(count: number, make: (n: number) => [string, Uint8Array | string], reply?: string): Promise<void> {
  const { connection } = scene.eve
  for (let n = 0; n < count; n += 1) {
    const [subject, data] = make(n)
    connection.publish(subject, data, reply === undefined ? {} : { reply })
    if (n % 500 === 499) await connection.request(SAY, '{"text":""}', { timeout: 20_000 })
  }
  await connection.request(SAY, '{"text":""}', { timeout: 20_000 })
}

test('ten thousand messages of noise are refused, and the desk is none the worse', async () => {
  const seed = 20_260_708
  const below = random(seed)
  const control = `tacit.control.${scene.desk.memberId}`
  const subjects = [SAY, 'tacit.desk.wait', 'tacit.desk.invented', 'tacit.desk.constructor', control]
  const frame = scene.eve.craft(scene.groupKey())
  await flood(
    10_000,
    (n) => {
      const subject = subjects[below(subjects.length)]!
      const noise = Buffer.from(Array.from({ length: below(200) }, () => below(256)))
      switch (n % 4) {
        case 0:
          return [subject, noise]
        case 1:
          return [subject, Buffer.concat([Buffer.from('TCT\x01'), noise])]
        case 2: {
          const changed = Buffer.from(frame)
          for (let i = 0; i < 3; i += 1) changed[4 + below(changed.length - 4)] = below(256)
          return [SAY, changed]
        }
        default:
          return [subject, JSON.stringify({ [noise.toString('base64')]: noise.toString('latin1') })]
      }
    },
    '_INBOX.nobody',
  )
  await scene.expectUnharmed()
})

interface Remembered {
  peers: number
  frames_remembered: number
  signatures_awaited: number
}

test('noise does not stay in memory: no sender who was not admitted, and no frame that was not opened', async () => {
  const key = scene.groupKey()
  const remembered = async () => {
    const stats = await scene.eve.connection.request(`$SRV.STATS.desk.${scene.desk.memberId}`)
    const { endpoints } = stats.json<{ endpoints: { data: Remembered }[] }>()
    const { peers, frames_remembered, signatures_awaited } = endpoints[0]!.data
    return { peers, frames_remembered, signatures_awaited }
  }
  await scene.honest.say({ text: 'honest' })
  let before = await remembered()
  // The signature of the honest frame comes a little later, in a frame of its own.
  while (before.signatures_awaited > 0) before = await remembered()
  expect(before.peers).toBeGreaterThan(0)
  // Each under a name of its own, that is looked at: the header is proper, only the rest does not open.
  await flood(
    5_000,
    (n) => {
      const signingKey = Buffer.alloc(32)
      signingKey.writeUInt32BE(n)
      return [
        SAY,
        scene.eve.craft(key, { header: { credential: { ...credentialOf(scene.eve.identity.keys), signingKey } } }),
      ]
    },
    '_INBOX.nobody',
  )
  expect(await remembered()).toEqual(before)
  await scene.expectUnharmed(['honest'])
})

test('passports that nobody has are looked up a bounded number at a time, and honest members get through', async () => {
  const key = scene.groupKey()
  const unknown = () => scene.eve.craft(key, { header: { credential: { kind: 'passport', digest: randomBytes(32) } } })
  const frames = Array.from({ length: 3_000 }, unknown)
  for (const frame of frames) scene.eve.connection.publish(SAY, frame, { reply: '_INBOX.nobody' })
  const newcomer = await scene.platform.join('asker', askerService)
  expect((await newcomer.host.client(desk).say({ text: 'new' })).text).toBe('new')
  await scene.expectUnharmed(['new'])
})

test('the largest messages that the broker takes are refused by their size', async () => {
  for (const first of ['TCT\x01', '{"text":"', 'x']) {
    const message = Buffer.concat([Buffer.from(first), Buffer.alloc(1_040_000, 0x61)])
    expect((await scene.eve.send(SAY, message)).code).toBe('too_large')
  }
  await scene.expectUnharmed()
})

test('nested JSON is refused, however deep', async () => {
  const answer = await scene.eve.send(SAY, `{"text":${'['.repeat(400_000)}${']'.repeat(400_000)}}`)
  expect(answer.code).toBe('invalid_request')
  await scene.expectUnharmed()
})

test('messages that want no answer are dealt with in silence', async () => {
  await flood(1_000, (n) => [SAY, n % 2 === 0 ? 'noise' : scene.eve.craft(scene.groupKey())])
  await scene.expectUnharmed()
})
