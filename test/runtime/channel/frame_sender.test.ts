import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Refusal } from '../../../messages/index.ts'
import { encodeRequest, parseFrame } from '../../../messages/index.ts'
import type { Destination, Peer } from '../../../runtime/index.ts'
import { OwedSignatures, silentLog, toGroup, toGroupAsClient, toMember } from '../../../runtime/index.ts'
import type { FrameUnderWay } from '../../../runtime/channel/frame_gatherer.ts'
import { FrameSender } from '../../../runtime/channel/frame_sender.ts'
import type { PendingRequest } from '../../../runtime/channel/pending_requests.ts'
import { groupEpoch, sampleWorld } from './sample_channel.ts'

interface Sent {
  subject: string
  data: Uint8Array
  reply: string | undefined
  headers: Readonly<Record<string, string>> | undefined
}

/** A member of `asker` that asks `echo`, with a broker that only remembers. */
async function sending(more: { signsLater?: boolean } = {}) {
  const world = sampleWorld()
  const group = groupEpoch('echo', 1)
  const from = await world.member('asker', 'asker-1', [group])
  const to = await world.member('echo', 'echo-1', [group])
  const sent: Sent[] = []
  const owed: { to: string }[] = []
  const unsent: { frame: FrameUnderWay<PendingRequest>; refusal: Refusal }[] = []
  const pending = new Set<number>()
  const owedSignatures = new OwedSignatures<Peer>({
    seal: (peer) => {
      owed.push({ to: peer.sender.id })
      return Buffer.alloc(0)
    },
    transport: { publish: () => {} },
    clock: world.clock,
    log: silentLog,
  })
  const sender = new FrameSender({
    channel: from.channel,
    transport: {
      publish: (subject, data, { reply, headers } = {}) => void sent.push({ subject, data, reply, headers }),
    },
    inbox: 'tacit.inbox.asker.asker-1.x',
    isPending: (number) => pending.has(number),
    onUnsent: (frame, refusal) => void unsent.push({ frame, refusal }),
    owedSignatures: more.signsLater === true ? owedSignatures : undefined,
  })
  let number = 0
  const request = (destination: Destination = toGroup('echo', 'say'), task?: string): PendingRequest => {
    number += 1
    pending.add(number)
    return {
      number,
      letter: encodeRequest({ number, method: 'say', deadlineMs: 1, idempotencyKey: null, body: {} }),
      task,
      destination,
      repeatable: true,
      attemptMs: 1,
      deadlineMs: 1,
      attemptEndsMs: 1,
      retryAtMs: 1,
      retryDelayMs: 1,
      refusal: undefined,
      frame: undefined,
      resolve: () => {},
      reject: () => {},
      stopListening: undefined,
    }
  }
  /** Puts requests on the wire, all in one turn. */
  const send = async (...requests: PendingRequest[]) => {
    for (const one of requests) sender.send(one)
    await nextTurn()
    await nextTurn()
    return requests
  }
  return { from, to, sent, owed, unsent, pending, sender, request, send, owedSignatures }
}

let scene: Awaited<ReturnType<typeof sending>>
beforeEach(async () => {
  scene = await sending()
})

describe('requests of one turn', () => {
  test('leave in one frame, which names its inbox, its sender and its letters', async () => {
    const { send, request, sent, to, sender } = scene
    const requests = await send(request(), request())
    expect(sent).toMatchObject([
      {
        subject: 'tacit.echo.say',
        reply: expect.stringMatching(/^tacit\.inbox\.asker\.asker-1\.x\.\d+$/),
        headers: { 'Tacit-Sender': 'asker-1', 'Tacit-Letters': '2' },
      },
    ])
    const { letters } = await to.channel.open('tacit.echo.say', sent[0]!.data, () => {})
    expect(letters.map((letter) => Buffer.from(letter))).toEqual(requests.map(({ letter }) => letter))
    const counter = Number(sent[0]!.reply!.split('.').at(-1))
    expect(sender.frame(counter)?.items).toEqual(requests)
    expect(requests.map(({ frame }) => frame)).toEqual([sender.frame(counter), sender.frame(counter)])
  })

  test('show their task only where there is one letter', async () => {
    const { send, request, sent } = scene
    await send(request(undefined, 'task-1'))
    await send(request(undefined, 'task-2'), request(undefined, 'task-3'))
    expect(sent.map(({ headers }) => headers?.['Tacit-Task'])).toEqual(['task-1', undefined])
  })

  test('leave in frames of their own where they differ in destination or in sender', async () => {
    const { send, request, sent } = scene
    await send(request(), request(toGroupAsClient('echo', 'say')), request(toMember('echo', 'echo-1')))
    // One member's key is looked up first.
    while (sent.length < 3) await nextTurn()
    const headers = sent.map(({ data }) => parseFrame(data).header)
    expect(headers.map(({ credential, receiver }) => `${credential.kind} ${receiver}`).toSorted()).toEqual([
      'client echo',
      'passport echo',
      'passport echo-1',
    ])
  })

  test('are not sent when nobody waits for them any more', async () => {
    const { send, request, sent, pending } = scene
    const [given, kept] = [request(), request()]
    pending.delete(given.number)
    await send(given, kept)
    expect(sent.map(({ headers }) => headers?.['Tacit-Letters'])).toEqual(['1'])
    const late = request()
    pending.clear()
    await send(late)
    expect([sent.length, late.frame]).toEqual([1, undefined])
  })
})

describe('a frame under way', () => {
  test('holds back others until it is released', async () => {
    const { send, request, sent, sender } = scene
    const [first] = await send(request())
    await send(request())
    const held = send(request())
    await nextTurn()
    expect(sent).toHaveLength(2)
    sender.release(first!.frame!)
    await held
    await nextTurn()
    expect(sent).toHaveLength(3)
  })

  test('is forgotten once nobody waits for its answer', async () => {
    const { send, request, sent, sender, pending } = scene
    await send(request())
    const counter = Number(sent[0]!.reply!.split('.').at(-1))
    sender.sweep()
    expect(sender.frame(counter)).toBeDefined()
    pending.clear()
    sender.sweep()
    expect(sender.frame(counter)).toBeUndefined()
  })

  test('is released when its request is sent again in another', async () => {
    const { send, request, sender, sent } = scene
    const [again] = await send(request())
    const first = again!.frame!
    await send(again!)
    expect([first.open, again!.frame === first, sent.length]).toEqual([false, false, 2])
    sender.sweep()
    expect(sender.frame(Number(sent[0]!.reply!.split('.').at(-1)))).toBeUndefined()
  })
})

describe('a frame that cannot be sent', () => {
  test('is reported with the reason', async () => {
    const { send, request, unsent, sent } = scene
    const [one] = await send(request(toGroup('storage', 'get')))
    expect(unsent).toMatchObject([{ refusal: { code: 'unavailable', message: /no key of group "storage"/ } }])
    expect(unsent[0]!.frame.items).toEqual([one])
    expect(sent).toEqual([])
  })

  test('to a member without a passport is reported too', async () => {
    const { send, request, unsent } = scene
    await send(request(toMember('echo', 'echo-9')))
    while (unsent.length === 0) await nextTurn()
    expect(unsent).toMatchObject([{ refusal: { code: 'unavailable' } }])
  })
})

describe('the signature', () => {
  const timings = (sent: readonly Sent[]) => sent.map(({ data }) => parseFrame(data).header.signature)

  test('is inside where nobody keeps what is owed', async () => {
    await scene.send(scene.request())
    expect(timings(scene.sent)).toEqual(['inside'])
  })

  test('comes later for the member that took the frame, once, if it is of the service that was asked', async () => {
    const { send, request, sent, owed, from, sender, owedSignatures } = await sending({ signsLater: true })
    const [one] = await send(request())
    expect(timings(sent)).toEqual(['later'])
    const self = await from.channel.peers.resolveMember('asker-1', 'asker')
    const peer = await from.channel.peers.resolveMember('echo-1', 'echo')
    sender.taken(one!.frame!, self)
    owedSignatures.flush()
    expect(owed).toEqual([])
    sender.taken(one!.frame!, peer)
    sender.taken(one!.frame!, peer)
    owedSignatures.flush()
    owedSignatures.flush()
    expect(owed).toEqual([{ to: 'echo-1' }])
  })
})
