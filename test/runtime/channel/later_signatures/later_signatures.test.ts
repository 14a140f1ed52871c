/** Later signatures, over a real broker: members call each other without a signature in the frame, and sign later. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FrameHeader } from '../../../../messages/index.ts'
import { looksLikeFrame, parseFrame, signaturesSubject } from '../../../../messages/index.ts'
import { encodeFrameStatement, toMember } from '../../../../runtime/index.ts'
import { desk } from '../../member/desk.ts'
import type { Office, OpenAsker, OpenDesk } from '../../member/open_desk.ts'
import { officeForEachTest } from '../../member/open_desk.ts'

let office: Office
officeForEachTest((opened) => {
  office = opened
})

let member: OpenDesk
let asker: OpenAsker
let frames: FrameHeader[]

beforeEach(async () => {
  member = await office.openDesk()
  asker = await office.openAsker('asker')
  frames = []
  const { connection } = await office.person('client')
  connection.subscribe('tacit.>', {
    callback: (_error, { data }) => {
      if (looksLikeFrame(data)) frames.push(parseFrame(data).header)
    },
  })
  await connection.flush()
})

/** Waits until so many frames of a kind have gone by. */
async function framesOf(kind: FrameHeader['kind'], count: number): Promise<FrameHeader[]> {
  for (;;) {
    const found = frames.filter((header) => header.kind === kind)
    if (found.length >= count) return found
    await nextTurn()
  }
}

async function untilNothingIsAwaited(): Promise<void> {
  while (member.awaitedSignatures!.size + asker.awaitedSignatures!.size > 0) await nextTurn()
}

describe('a call between members', () => {
  test('goes and is answered without a signature, and both sign later', async () => {
    await Promise.all([asker.desk.say({ text: 'one' }), asker.desk.say({ text: 'two' })])
    await asker.desk.say({ text: 'three' })
    expect((await framesOf('request', 2)).map(({ signature }) => signature)).toEqual(['later', 'later'])
    expect((await framesOf('reply', 2)).map(({ signature }) => signature)).toEqual(['later', 'later'])
    expect(member.awaitedSignatures!.size).toBeGreaterThan(0)
    const signatures = await framesOf('signatures', 2)
    expect(signatures.map(({ signature, letters }) => [signature, letters])).toEqual([
      ['inside', 2],
      ['inside', 2],
    ])
    expect(signatures.map(({ subject }) => subject).toSorted()).toEqual(
      [signaturesSubject('asker', asker.identity.id), signaturesSubject('desk', member.identity.id)].toSorted(),
    )
    await untilNothingIsAwaited()
  })

  test('is signed at once where the method says so', async () => {
    await asker.desk.signed({})
    expect((await framesOf('reply', 1)).map(({ signature }) => signature)).toEqual(['inside'])
    expect((await framesOf('request', 1)).map(({ signature }) => signature)).toEqual(['inside'])
  })

  test('is refused where the method says so and the frame is not signed', async () => {
    const { channel, connection } = asker
    const subject = 'tacit.desk.signed'
    const { bytes } = channel.sealToGroup({
      kind: 'request',
      group: 'desk',
      subject,
      letters: [Buffer.from('x')],
      signature: 'later',
    })
    const answer = await connection.request(subject, bytes)
    expect(answer.headers?.get('Tacit-Code')).toBe('not_admitted')
  })

  test('to one member is signed at once', async () => {
    const one = asker.asker.client(desk, () => toMember('desk', member.identity.id))
    await one.inner({})
    expect((await framesOf('reply', 1)).map(({ signature }) => signature)).toEqual(['inside'])
  })

  test('that is given up is signed for all the same', async () => {
    const { signal, abort } = abortable()
    const waiting = asker.desk.wait({ name: 'long' }, { signal })
    await member.log.until(1)
    abort()
    await expect(waiting).rejects.toMatchObject({ code: 'canceled' })
    member.log.waiting.get('long')!()
    await framesOf('reply', 1)
    await asker.desk.say({ text: 'x' })
    asker.owedSignatures!.flush()
    member.owedSignatures!.flush()
    await framesOf('signatures', 1)
  })
})

function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}

describe('a client', () => {
  test('signs at once, and is answered so', async () => {
    const client = await office.openAsker('client')
    await client.desk.say({ text: 'x' })
    expect((await framesOf('request', 1)).map(({ signature }) => signature)).toEqual(['inside'])
    expect((await framesOf('reply', 1)).map(({ signature }) => signature)).toEqual(['inside'])
  })
})

describe('a member that signs something else than its frame said', () => {
  test('is not heard again', async () => {
    await asker.desk.say({ text: 'honest' })
    const [sent] = await framesOf('request', 1)
    const subject = signaturesSubject('desk', member.identity.id)
    const peer = await asker.channel.peers.resolveMember(member.identity.id, 'desk')
    const lie = encodeFrameStatement(sent!.id, Buffer.alloc(32))
    const { bytes } = asker.channel.sealToPeer({ kind: 'signatures', peer, subject, letters: [lie] })
    asker.connection.publish(subject, bytes)
    await asker.connection.flush()
    await member.connection.flush()
    await expect(asker.desk.say({ text: 'again' }, { timeoutMs: 2_000 })).rejects.toMatchObject({
      code: 'not_admitted',
    })
    expect(member.log.seen).toEqual(['honest'])
  })
})

describe('where later signatures come in', () => {
  test('nothing else is taken, and nothing from clients', async () => {
    const client = await office.openAsker('client')
    const subject = signaturesSubject('desk', member.identity.id)
    const peer = await client.channel.peers.resolveMember(member.identity.id, 'desk')
    const letter = encodeFrameStatement(Buffer.alloc(16), Buffer.alloc(32))
    for (const kind of ['signatures', 'request'] as const) {
      const { bytes } = client.channel.sealToPeer({ kind, peer, subject, letters: [letter] })
      client.connection.publish(subject, bytes)
    }
    client.connection.publish(subject, Buffer.from('noise'))
    await client.connection.flush()
    expect((await asker.desk.say({ text: 'still here' })).text).toBe('still here')
  })
})
