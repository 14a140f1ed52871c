/** Eve knows that members sign some frames later, and would rather not sign at all. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { signaturesSubject } from '../../messages/index.ts'
import { encodeFrameStatement } from '../../runtime/index.ts'
import type { Scene } from './scene.ts'
import { openScene, SAY } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

test('a frame of a client without a signature is refused, for nobody would ever sign it', async () => {
  const frame = scene.eve.craft(scene.groupKey(), { header: { signature: 'later' } })
  expect(await scene.eve.send(SAY, frame)).toMatchObject({ code: 'not_admitted', sealed: false })
  await scene.expectUnharmed()
})

test('an honest frame cannot be turned into one that needs no signature, or back', async () => {
  const { bytes, header } = await scene.catchFrame('honest')
  expect(header.signature).toBe('later')
  const signed = Buffer.from(bytes)
  signed[6] = 1
  // A new id, so that it is not refused as a replay before it is looked at.
  signed[27]! ^= 0x80
  expect(['not_admitted', 'malformed']).toContain((await scene.eve.send(SAY, signed)).code)
  const own = scene.eve.craft(scene.groupKey())
  own[6] = 2
  expect((await scene.eve.send(SAY, own)).code).toBe('not_admitted')
  await scene.expectUnharmed(['honest'])
})

test('nobody signs for a member but itself', async () => {
  await scene.catchFrame('honest')
  const subject = signaturesSubject('desk', scene.desk.memberId)
  const { header } = await scene.catchFrame('another')
  const lie = encodeFrameStatement(header.id, Buffer.alloc(32))
  // Under her own keys, and sealed to the group since she cannot know the member's own key.
  const { connection } = scene.eve
  connection.publish(
    subject,
    scene.eve.craft(scene.groupKey(), { header: { kind: 'signatures', subject }, letters: [lie] }),
  )
  connection.publish(subject, Buffer.from('{"frame":"all of them"}'))
  connection.publish(subject, scene.eve.craft(scene.groupKey(), { header: { subject } }))
  await connection.flush()
  await scene.expectUnharmed(['another', 'honest'])
})
