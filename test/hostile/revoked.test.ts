/** Eve has taken over a member that was admitted; the operator revokes it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coordinator, EPOCH_EVENT, Refusal } from '../../messages/index.ts'
import type { Service } from '../../runtime/index.ts'
import { actor } from '../../runtime/index.ts'
import { protocol } from '../../messages/index.ts'
import { desk, DeskLog, deskService } from '../runtime/member/desk.ts'
import type { TestMember } from '../support/platform.ts'
import type { Scene } from './scene.ts'
import { openScene, SAY } from './scene.ts'

/** A member that plays the frontend, for the one thing that it alone may ask of the coordinator. */
const frontendLike = (): Service => ({ actor: actor(protocol('frontend', 'Only asks', [], {}), {}) })

describe('a member that was revoked', () => {
  let scene: Scene
  let taken: TestMember
  let takenLog: DeskLog
  let lost: Refusal[]
  let isLost: Promise<void>
  let frontend: TestMember
  let epochBefore: number

  beforeEach(async () => {
    scene = await openScene({ overlapMs: 1 })
    takenLog = new DeskLog()
    lost = []
    let tellLost = () => {}
    isLost = new Promise((resolve) => (tellLost = resolve))
    taken = await scene.platform.join('desk', () => deskService(takenLog), {
      onLost: (refusal) => {
        lost.push(refusal)
        tellLost()
      },
    })
    frontend = await scene.platform.join('frontend', frontendLike)
    epochBefore = scene.groupKey().epoch
  })
  afterEach(() => scene[Symbol.asyncDispose]())

  const revoke = () => frontend.host.client(coordinator).revoke_member({ member: taken.memberId })

  test('hears of it when it renews, and is told to end; the others go on', async () => {
    await revoke()
    await isLost
    expect(lost).toHaveLength(1)
    expect(lost[0]).toMatchObject({ code: 'revoked' })
    await scene.honest.say({ text: 'after' })
  })

  test('is not heard any more by anybody who knows', async () => {
    await revoke()
    await isLost
    await untilOthersKnow(scene, epochBefore)
    // It still has its keys and its passport, and asks as a member of its group may.
    await expect(taken.host.client(coordinator).get_nonce({}, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'not_admitted',
    })
    await expect(taken.host.clientOf(desk, scene.desk.memberId).inner({}, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'not_admitted',
    })
  })

  test('is not sealed to any more: its group has a key that it was never given', async () => {
    await revoke()
    await isLost
    await untilOthersKnow(scene, epochBefore)
    const { header, bytes } = await scene.catchFrame('for the others')
    expect(header.epoch).toBeGreaterThan(epochBefore)
    // Eve hands it the frame: the only one who could open it is another.
    expect(takenLog.seen).not.toContain('for the others')
    const answers = await Promise.all(Array.from({ length: 20 }, () => scene.eve.send(SAY, bytes)))
    const codes = answers.filter((answer) => answer.sealed === false).map((answer) => answer.code)
    expect(new Set(codes)).toEqual(new Set(['replayed', 'stale_epoch']))
    expect(takenLog.seen).not.toContain('for the others')
  })

  test('is not believed when it answers', async () => {
    await revoke()
    await isLost
    await untilOthersKnow(scene, epochBefore)
    // Sealed with the key that it still has, so that it can answer; the asker must not take it.
    await scene.desk.drain()
    const answer = scene.honest.say({ text: 'to whoever is left' }, { timeoutMs: 1_000 })
    await expect(answer).rejects.toBeInstanceOf(Refusal)
  })

  test('stays revoked under its name, and whoever is not revoked is admitted', async () => {
    await revoke()
    await isLost
    await expect(scene.platform.join('desk', () => deskService(), { memberId: taken.memberId })).rejects.toMatchObject({
      code: 'revoked',
    })
    await scene.platform.join('desk', () => deskService())
  })

  test('cannot be revoked by a client, nor by a member that is not the frontend', async () => {
    const request = { member: taken.memberId }
    await expect(scene.asker.host.client(coordinator).revoke_member(request)).rejects.toMatchObject({
      code: 'not_admitted',
    })
    const plain = await scene.eve.send('tacit.coordinator.revoke_member', JSON.stringify(request))
    expect(plain.code).toBe('malformed')
    const key = scene.groupKey('coordinator')
    const frame = scene.eve.craft(key, { header: { subject: 'tacit.coordinator.revoke_member' } })
    expect((await scene.eve.send('tacit.coordinator.revoke_member', frame)).code).toBe('not_admitted')
    expect(lost).toEqual([])
    await expect(frontend.host.client(coordinator).revoke_member({ member: 'desk-nobody' })).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})

test('whoever forges the news that keys changed has members renew, and no more', async () => {
  await using scene = await openScene()
  for (let i = 0; i < 200; i += 1) scene.eve.connection.publish(EPOCH_EVENT, 'anything')
  const before = scene.eve.seen.filter(({ subject }) => subject === 'tacit.coordinator.enrol').length
  await scene.expectUnharmed()
  await scene.eve.connection.flush()
  const renewals = scene.eve.seen.filter(({ subject }) => subject === 'tacit.coordinator.enrol').length - before
  // Once a second for each of the three that are there.
  expect(renewals).toBeLessThanOrEqual(3)
})

async function untilOthersKnow(scene: Scene, epochBefore: number): Promise<void> {
  for (let i = 0; (await scene.catchFrame(`waiting ${i}`)).header.epoch === epochBefore; i += 1) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
