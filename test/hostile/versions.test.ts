/** Eve speaks other versions, and forms that were never agreed on. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Scene } from './scene.ts'
import { openScene, SAY } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

describe('a frame of another version', () => {
  test('is refused in the clear, with the version that is spoken here and what to do', async () => {
    const frame = scene.eve.craft(scene.groupKey())
    frame[3] = 2
    const answer = await scene.eve.send(SAY, frame)
    expect(answer).toMatchObject({
      code: 'unknown_version',
      sealed: false,
      headers: { 'Nats-Service-Error': 'frame version 2 is not spoken here', 'Nats-Service-Error-Code': '400' },
    })
    expect(JSON.parse(answer.text)).toEqual({
      code: 'unknown_version',
      message: 'frame version 2 is not spoken here',
      hint: 'this deployment speaks version 1; use a client of the same version',
    })
    await scene.expectUnharmed()
  })

  test('is refused so whatever follows the version, down to nothing', async () => {
    const frame = scene.eve.craft(scene.groupKey())
    for (const version of [0, 2, 3, 127, 255]) {
      for (const length of [4, 5, 60, frame.length]) {
        const other = Buffer.from(frame.subarray(0, length))
        other[3] = version
        expect((await scene.eve.send(SAY, other)).code).toBe('unknown_version')
      }
    }
    await scene.expectUnharmed()
  })

  test('is refused on a control subject and at the coordinator too', async () => {
    for (const subject of [`tacit.control.${scene.desk.memberId}`, 'tacit.coordinator.enrol']) {
      expect((await scene.eve.send(subject, Buffer.from([0x54, 0x43, 0x54, 2]))).code).toBe('unknown_version')
    }
    await scene.expectUnharmed()
  })
})

describe('a form that was never agreed on', () => {
  test.each([
    ['kind', 4, [0, 5, 255]],
    ['credential', 5, [2, 255]],
    ['signature', 6, [0, 3, 255]],
    ['reserved byte', 7, [1, 255]],
  ])('an unknown %s is malformed', async (_what, at, values) => {
    for (const value of values) {
      const frame = scene.eve.craft(scene.groupKey())
      frame[at] = value
      expect((await scene.eve.send(SAY, frame)).code).toBe('malformed')
    }
    await scene.expectUnharmed()
  })

  test('a passport where a client should stand, and the other way round, is refused', async () => {
    const frame = scene.eve.craft(scene.groupKey())
    frame[5] = 0
    expect(['malformed', 'misaddressed', 'not_admitted']).toContain((await scene.eve.send(SAY, frame)).code)
    await scene.expectUnharmed()
  })
})
