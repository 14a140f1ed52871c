/** Eve sends honest frames to other places, and has answers sent where she wants them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeRequest } from '../../messages/index.ts'
import { DeskLog, deskService } from '../runtime/member/desk.ts'
import type { Scene } from './scene.ts'
import { openScene, SAY, sayLetter } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

describe('a frame', () => {
  test('on the subject of another method is misaddressed', async () => {
    const { eve, groupKey } = scene
    const frame = eve.craft(groupKey())
    for (const subject of ['tacit.desk.once', 'tacit.desk.invented', `tacit.control.${scene.desk.memberId}`]) {
      expect((await eve.send(subject, frame)).code, subject).toBe('misaddressed')
    }
    await scene.expectUnharmed()
  })

  test('for another service is misaddressed there', async () => {
    const { eve } = scene
    const { bytes } = await scene.catchFrame('honest')
    expect((await eve.send('tacit.coordinator.get_nonce', bytes)).code).toBe('misaddressed')
    await scene.expectUnharmed(['honest'])
  })

  test('for another group cannot be opened, though it comes on our subject', async () => {
    const { eve, groupKey } = scene
    const frame = eve.craft(groupKey('coordinator'), { header: { subject: SAY } })
    expect((await eve.send(SAY, frame)).code).toBe('stale_epoch')
    await scene.expectUnharmed()
  })

  test('for another member is misaddressed', async () => {
    const { eve, groupKey } = scene
    const frame = eve.craft(groupKey(), { header: { epoch: 0, receiver: scene.asker.memberId } })
    expect((await eve.send(SAY, frame)).code).toBe('misaddressed')
    await scene.expectUnharmed()
  })

  test('with a letter for another method than its subject names has that letter refused', async () => {
    const { eve, groupKey } = scene
    const once = encodeRequest({
      number: 2,
      method: 'once',
      deadlineMs: Date.now() + 5_000,
      idempotencyKey: null,
      body: {},
    })
    const answer = await eve.send(SAY, eve.craft(groupKey(), { letters: [once] }))
    expect(answer.sealed).toBe(true)
    await scene.expectUnharmed()
  })

  test('of another kind has no place at a service, nor a request at an inbox', async () => {
    const { eve, groupKey } = scene
    expect((await eve.send(SAY, eve.craft(groupKey(), { header: { kind: 'reply' } }))).code).toBe('misaddressed')
    expect((await eve.send(SAY, eve.craft(groupKey(), { header: { kind: 'post' } }))).code).toBe('misaddressed')
    await scene.expectUnharmed()
  })
})

describe('an answer', () => {
  test('that Eve had sent to herself is of no use to her, and the asker asks again', async () => {
    const { eve, honest, platform } = scene
    // A second desk, so that the retry finds one that has not seen the frame.
    await platform.join('desk', () => deskService(new DeskLog()))
    const { bytes } = await scene.catchFrame('honest')
    const answer = await eve.send(SAY, bytes)
    expect(answer.sealed === true || answer.code === 'replayed').toBe(true)
    expect((await honest.say({ text: 'next' })).text).toBe('next')
  })

  test('that was meant for one asker is misaddressed at another, and on another of its subjects', async () => {
    const { eve, honest, platform } = scene
    const other = await platform.join('asker', () => deskService())
    await honest.say({ text: 'one' })
    const answer = eve.seen.find(({ subject }) => subject.startsWith(`tacit.inbox.asker.${scene.asker.memberId}.`))!
    const waiting = honest.say({ text: 'two' })
    const [prefix] = answer.subject.split(/\.\d+$/) as [string]
    for (let counter = 0; counter < 20; counter += 1) eve.connection.publish(`${prefix}.${counter}`, answer.data)
    eve.connection.publish(`tacit.inbox.asker.${other.memberId}.x.1`, answer.data)
    expect((await waiting).text).toBe('two')
  })
})

describe('answers go to inboxes only', () => {
  // Whoever answers publishes with its own permissions: in a bucket or a stream, an answer would do harm.
  const targets = [
    '$KV.coordinator.state',
    '$KV.passports.member.x',
    '$JS.API.STREAM.PURGE.TASKS',
    'tacit.coordinator.enrol',
    'tacit.tasks.wasm.standard.high',
    'tacit.event.coordinator.epoch',
    'anything',
  ]

  test.each(targets)('not to %s, whatever is asked, and whether it is refused', async (target) => {
    const { eve, groupKey } = scene
    const written: string[] = []
    eve.connection.subscribe(target, { callback: (_error, message) => void written.push(message.string()) })
    const { bytes } = await scene.catchFrame('honest')
    const messages: [string, Uint8Array | string][] = [
      [SAY, '{"text":"plain"}'],
      [SAY, '{"refused":true}'],
      [SAY, 'noise'],
      [SAY, bytes],
      [SAY, eve.craft(groupKey(), { letters: [sayLetter('sealed')] })],
      ['tacit.coordinator.get_platform', JSON.stringify({ nonce: Buffer.alloc(32).toString('base64') })],
      ['$SRV.PING', ''],
      ['$SRV.INFO.desk', ''],
    ]
    for (const [subject, data] of messages) await eve.sendWithReply(subject, data, target)
    expect(written).toEqual([])
    // The state of the coordinator is as it was, and members are still admitted.
    await scene.platform.join('stranger', () => deskService())
  })
})
