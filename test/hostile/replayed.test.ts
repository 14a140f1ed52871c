/**
 * Eve keeps frames, and sends them again: to the same member, to another, too late, too early, and with a longer life.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DeskLog, deskService } from '../runtime/member/desk.ts'
import type { Scene } from './scene.ts'
import { openScene, SAY } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

describe('a request that is sent again', () => {
  test('to the member that accepted it is refused', async () => {
    const { bytes } = await scene.catchFrame('honest')
    for (let i = 0; i < 3; i += 1) {
      expect(await scene.eve.send(SAY, bytes)).toMatchObject({ code: 'replayed', sealed: false })
    }
    await scene.expectUnharmed(['honest'])
  })

  test('to another member of the group is the same request there: it has the same id', async () => {
    const { bytes } = await scene.catchFrame('honest')
    const other = new DeskLog()
    await scene.platform.join('desk', () => deskService(other))
    for (let i = 0; other.seen.every((text) => text === ''); i += 1) {
      expect(i).toBeLessThan(100)
      await scene.eve.send(SAY, bytes)
    }
    const idAt = (log: DeskLog) => log.contexts[log.seen.indexOf('honest')]!.requestId
    expect(idAt(other)).toBe(idAt(scene.log))
    expect(idAt(other)).toContain(scene.asker.memberId)
  })

  test('to another member of the group gets an answer that only the asker can read', async () => {
    const { bytes } = await scene.catchFrame('honest')
    const other = new DeskLog()
    await scene.platform.join('desk', () => deskService(other))
    let answer = await scene.eve.send(SAY, bytes)
    while (other.seen.every((text) => text === '')) answer = await scene.eve.send(SAY, bytes)
    expect(answer).toMatchObject({ sealed: true, code: undefined })
  })

  test('while the first is under way does not disturb the answer', async () => {
    const { eve, honest, log } = scene
    const waiting = honest.wait({ name: 'w' })
    await log.until(1)
    const [request] = await eve.framesOn('tacit.desk.wait')
    // With the asker's own reply subject, so that the refusal comes to the asker.
    eve.connection.publish('tacit.desk.wait', request!.data, { reply: request!.reply! })
    await eve.connection.flush()
    await honest.say({ text: '' })
    log.waiting.get('w')!()
    expect(await waiting).toEqual({ aborted: false })
  })

  test('in its thousands is refused each time, and costs the desk nothing else', async () => {
    const { bytes } = await scene.catchFrame('honest')
    const answers = Array.from({ length: 2000 }, () => scene.eve.connection.request(SAY, bytes, { timeout: 10_000 }))
    for (const { headers } of await Promise.all(answers)) expect(headers?.get('Tacit-Code')).toBe('replayed')
    await scene.expectUnharmed(['honest'])
  })
})

describe('an answer that is sent again', () => {
  test('is not taken for the answer to a later request', async () => {
    const { eve, honest } = scene
    await honest.say({ text: 'one' })
    const answer = eve.seen.find(({ subject }) => subject.startsWith('tacit.inbox.asker.'))!
    const second = honest.say({ text: 'two' })
    for (let i = 0; i < 20; i += 1) eve.connection.publish(answer.subject, answer.data)
    expect((await second).text).toBe('two')
  })
})

describe('time', () => {
  test.each([
    ['from the future', { issuedAtMs: 6_000, expiresAtMs: 20_000 }],
    ['that has expired', { issuedAtMs: -20_000, expiresAtMs: -1 }],
    ['that claims a life of hours', { issuedAtMs: 0, expiresAtMs: 3_600_000 }],
    ['that began long ago and still claims to live', { issuedAtMs: -59_000, expiresAtMs: 10_000 }],
  ])('a frame %s is refused', async (_what, { issuedAtMs, expiresAtMs }) => {
    const { eve, groupKey } = scene
    const now = Date.now()
    const frame = eve.craft(groupKey(), { header: { issuedAtMs: now + issuedAtMs, expiresAtMs: now + expiresAtMs } })
    expect((await eve.send(SAY, frame)).code).toBe('expired')
    await scene.expectUnharmed()
  })
})

test('a frame id that was used is used up, whatever comes under it next', async () => {
  const { eve, groupKey } = scene
  const id = Buffer.alloc(16, 7)
  expect((await eve.send(SAY, eve.craft(groupKey(), { header: { id } }))).sealed).toBe(true)
  expect((await eve.send(SAY, eve.craft(groupKey(), { header: { id } }))).code).toBe('replayed')
})
