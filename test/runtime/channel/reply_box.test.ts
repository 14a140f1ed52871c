import type { Msg } from '@nats-io/nats-core'
import { expect, test } from 'vitest'
import { FRAME_BYTES_MAX, FRAME_LETTERS_MAX, parseFrame } from '../../../messages/index.ts'
import { silentLog } from '../../../runtime/index.ts'
import type { Peer } from '../../../runtime/index.ts'
import { ReplyBox } from '../../../runtime/channel/reply_box.ts'
import type { Person } from '../member/open_desk.ts'
import type { Office } from '../member/open_desk.ts'
import { officeForEachTest } from '../member/open_desk.ts'

let office: Office
officeForEachTest((opened) => {
  office = opened
})

/** A box of the desk, two askers that it knows, and the frames that come to each, as numbers of letters. */
async function openBox() {
  const member = await office.person('desk')
  const box = new ReplyBox(member.channel, member.transport, silentLog)
  const frames: Msg[] = []
  const askers: { person: Person; peer: Peer; subject: string }[] = []
  for (const name of ['one', 'two']) {
    const person = await office.person('client')
    const subject = `tacit.inbox.client.${name}`
    person.connection.subscribe(`${subject}.>`, { callback: (_error, message) => void frames.push(message) })
    await person.connection.flush()
    const peer = member.channel.peers.known(person.identity.credential)!
    askers.push({ person, peer, subject })
  }
  const until = async (count: number) => {
    while (frames.length < count) for (const { person } of askers) await person.connection.flush()
  }
  return { box, askers, frames, until, letters: () => frames.map(({ data }) => parseFrame(data).header.letters) }
}

test('answers of one turn to one asker leave in one frame, to the subject of the first request', async () => {
  const { box, askers, frames, until, letters } = await openBox()
  const [one, two] = askers
  for (let i = 0; i < 3; i += 1) box.push(one!.peer, `${one!.subject}.${i}`, Buffer.from(`${i}`), 'inside')
  box.push(two!.peer, `${two!.subject}.9`, Buffer.from('x'), 'inside')
  await until(2)
  expect(frames.map(({ subject }) => subject).sort()).toEqual([`${one!.subject}.0`, `${two!.subject}.9`])
  expect(letters().toSorted((a, b) => a - b)).toEqual([1, 3])
})

test('a frame closes at its number of letters', async () => {
  const { box, askers, until, letters } = await openBox()
  const { peer, subject } = askers[0]!
  for (let i = 0; i < FRAME_LETTERS_MAX + 1; i += 1) box.push(peer, `${subject}.${i}`, Buffer.from('x'), 'inside')
  await until(2)
  expect(letters().sort((a, b) => a - b)).toEqual([1, FRAME_LETTERS_MAX])
})

test('a frame never grows beyond what a message can be, whatever comes together', async () => {
  const { box, askers, frames, until, letters } = await openBox()
  const { peer, subject } = askers[0]!
  for (const [i, size] of [200_000, 890_000, 200_000, 50_000, 890_000].entries()) {
    box.push(peer, `${subject}.${i}`, Buffer.alloc(size), 'inside')
  }
  await until(4)
  expect(letters()).toEqual([1, 1, 2, 1])
  for (const { data } of frames) expect(data.length).toBeLessThanOrEqual(FRAME_BYTES_MAX)
})

test('what waits is sent at once when it is flushed', async () => {
  const { box, askers, frames } = await openBox()
  const { peer, subject, person } = askers[0]!
  box.push(peer, `${subject}.1`, Buffer.from('x'), 'inside')
  box.flush()
  box.flush()
  while (frames.length === 0) await person.connection.flush()
  await new Promise((resolve) => setImmediate(resolve))
  expect(frames).toHaveLength(1)
})

test('an answer that can no longer be sent is dropped, and said so', async () => {
  const told: string[] = []
  const log = { ...silentLog, warn: (_fields: object, text: string) => void told.push(text) }
  const member = await office.person('desk')
  const box = new ReplyBox(member.channel, member.transport, log)
  const peer = member.channel.peers.known((await office.person('client')).identity.credential)!
  await member.transport.close()
  box.push(peer, 'tacit.inbox.client.x.1', Buffer.from('x'), 'inside')
  box.flush()
  expect(told).toEqual(['an answer could not be sent'])
})
