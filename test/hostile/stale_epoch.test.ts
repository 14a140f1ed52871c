/** Eve uses keys whose time is over; and honest members lose nothing when keys change under their letters. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EPOCH_EVENT } from '../../messages/index.ts'
import { DeskLog, deskService } from '../runtime/member/desk.ts'
import type { Scene } from './scene.ts'
import { openScene, SAY } from './scene.ts'

/** A revocation begins a new epoch at once: the one way to have one without waiting for an hour. */
async function beginEpoch(scene: Scene): Promise<void> {
  const revoked = await scene.platform.join('desk', () => deskService(new DeskLog()))
  await scene.platform.authority().revoke(revoked.memberId)
  await revoked.drain()
}

/** Resolves when the members have renewed: what they then seal carries the epoch. */
async function untilSealedWith(scene: Scene, epoch: number): Promise<void> {
  for (let i = 0; ; i += 1) {
    const { header } = await scene.catchFrame(`waiting ${i}`)
    if (header.epoch === epoch) return
    await nextTurn()
  }
}

describe('an epoch that has ended', () => {
  let scene: Scene
  beforeEach(async () => {
    // Accepted for a moment only, so that it is over before the tests look.
    scene = await openScene({ overlapMs: 1 })
  })
  afterEach(() => scene[Symbol.asyncDispose]())

  test('opens nothing any more, and the answer says how to go on', async () => {
    const old = scene.groupKey()
    await beginEpoch(scene)
    scene.eve.connection.publish(EPOCH_EVENT, '{}')
    await untilSealedWith(scene, old.epoch + 1)
    const frame = scene.eve.craft(old)
    const answer = await scene.eve.send(SAY, frame)
    expect(answer).toMatchObject({ code: 'stale_epoch', sealed: false, headers: { 'Nats-Service-Error-Code': '425' } })
    expect(JSON.parse(answer.text)).toMatchObject({ hint: expect.stringContaining('group key') })
    expect((await scene.eve.send(SAY, scene.eve.craft(scene.groupKey()))).sealed).toBe(true)
  })

  test('is mended by the asker itself, though nobody told it: the answer comes after one renewal', async () => {
    const old = scene.groupKey()
    await beginEpoch(scene)
    // The desk alone hears of it. The asker still seals with the old key, and finds out by being refused.
    const desk = await scene.platform.join('desk', () => deskService(scene.log))
    expect(desk.memberId).not.toBe(scene.desk.memberId)
    await scene.desk.drain()
    const { text } = await scene.honest.say({ text: 'sealed with the old key' })
    expect(text).toBe('sealed with the old key')
    const { header } = await scene.catchFrame('after')
    expect(header.epoch).toBe(old.epoch + 1)
  })

  test('of the future, or of none, opens nothing either', async () => {
    const key = scene.groupKey()
    for (const epoch of [key.epoch + 1, key.epoch + 1000, 4_294_967_295]) {
      expect((await scene.eve.send(SAY, scene.eve.craft({ ...key, epoch }))).code).toBe('stale_epoch')
    }
    expect((await scene.eve.send(SAY, scene.eve.craft({ ...key, epoch: 0 }))).code).toBe('misaddressed')
    await scene.expectUnharmed()
  })
})

describe('while letters flow', () => {
  test('keys change again and again, and no letter is lost or refused', async () => {
    await using scene = await openScene()
    const first = scene.groupKey().epoch
    const answers: Promise<{ text: string }>[] = []
    const epochs = new Set<number>()
    let asking = true
    const askOn = async () => {
      for (let n = 0; asking; n += 1) {
        answers.push(scene.honest.say({ text: `${n}` }))
        if (n % 20 === 0) epochs.add((await scene.catchFrame(`caught ${n}`)).header.epoch)
        await nextTurn()
      }
    }
    const flow = askOn()
    for (let round = 1; round <= 3; round += 1) {
      await beginEpoch(scene)
      // As the coordinator says it when it revokes by a letter.
      scene.eve.connection.publish(EPOCH_EVENT, '{}')
      while (!epochs.has(first + round)) await nextTurn()
    }
    asking = false
    await flow
    const texts = (await Promise.all(answers)).map(({ text }) => text)
    expect(texts).toEqual(texts.map((_, n) => `${n}`))
    expect([...epochs].sort((a, b) => a - b)).toEqual([first, first + 1, first + 2, first + 3])
  })

  test('epochs go by their schedule, and no letter is lost', async () => {
    // Passports and epochs of two seconds: the coordinator, the desk and the asker all renew while letters flow.
    await using scene = await openScene({ passportMs: 2_000, epochMs: 2_000, overlapMs: 4_000 })
    const epochs = new Set<number>()
    for (let n = 0; epochs.size < 3; n += 1) {
      const burst = Array.from({ length: 10 }, (_, i) => scene.honest.say({ text: `${n}.${i}` }))
      expect((await Promise.all(burst)).map(({ text }) => text)).toEqual(burst.map((_, i) => `${n}.${i}`))
      epochs.add((await scene.catchFrame(`caught ${n}`)).header.epoch)
      scene.eve.seen.length = 0
    }
  })
})
