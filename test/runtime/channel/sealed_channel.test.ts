import { describe, expect, test } from 'vitest'
import { deriveSealingSecret, sealFrame } from '../../../attestation/index.ts'
import type { FrameHeader, RefusalCode } from '../../../messages/index.ts'
import { parseFrame, Refusal } from '../../../messages/index.ts'
import type { OpenedFrame, SealedChannel } from '../../../runtime/index.ts'
import { ManualClock } from '../../../runtime/index.ts'
import { NOW_MS } from '../../attestation/sample_platform.ts'
import type { SampleMember } from './sample_channel.ts'
import { groupEpoch, sampleWorld } from './sample_channel.ts'

const SUBJECT = 'tacit.echo.echo'
const letter = Buffer.from('a letter')
const anyone = () => {}

/** Two members of a group, and a client that knows the group's key. */
async function meeting() {
  const world = sampleWorld()
  const group = groupEpoch('echo', 1)
  const echo = await world.member('echo', 'echo-1', [group])
  const second = await world.member('echo', 'echo-2', [group])
  return { world, group, echo, second, client: world.client([group]) }
}

const toEcho = { kind: 'request', group: 'echo', subject: SUBJECT, letters: [letter] } as const

const request = (from: Pick<SampleMember, 'channel'>, subject = SUBJECT) =>
  from.channel.sealToGroup({ ...toEcho, subject }).bytes

async function codeOf(action: () => OpenedFrame | Promise<OpenedFrame>): Promise<RefusalCode | 'opened'> {
  try {
    await action()
    return 'opened'
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal)
    return (error as Refusal).code
  }
}
const open = (channel: SealedChannel, bytes: Uint8Array, subject = SUBJECT) =>
  codeOf(() => channel.open(subject, bytes, anyone))

/** The same letter under a header of our own making, properly signed and sealed by `from`. */
function craft(from: Pick<SampleMember, 'identity'>, groupKey: Uint8Array, more: Partial<FrameHeader>): Buffer {
  const { keys, credential } = from.identity
  const { id, nonce } = from.identity.nextFrame()
  const header: FrameHeader = {
    kind: 'request',
    signature: 'inside',
    credential,
    epoch: 1,
    id,
    issuedAtMs: NOW_MS,
    expiresAtMs: NOW_MS + 30_000,
    nonce,
    letters: 1,
    subject: SUBJECT,
    receiver: 'echo',
    ...more,
  }
  const own = keys.sealingKey
  return sealFrame(header, [letter], keys.signingKey, deriveSealingSecret(own, groupKey, own.publicKey, groupKey))
}

describe('the channel', () => {
  test('opens what a client seals to the group, and says who it was', async () => {
    const { echo, client } = await meeting()
    const opened = await echo.channel.open(SUBJECT, request(client), anyone)
    expect(opened.letters).toEqual([letter])
    expect(opened.kind).toBe('request')
    expect(opened.peer.sender).toEqual({ role: 'client', id: client.identity.id })
    expect(opened.sessionPrefix).toBe(Buffer.from(client.identity.sessionPrefix).toString('hex'))
  })

  test('opens what a member seals to the group, at once when it knows the member', async () => {
    const { world, echo, group } = await meeting()
    const worker = await world.member('execution', 'execution-1', [group])
    const first = echo.channel.open(SUBJECT, request(worker), anyone)
    expect(first).toBeInstanceOf(Promise)
    expect((await first).peer.sender).toEqual({ role: 'execution', id: 'execution-1', platform: 'simulated' })
    expect(echo.channel.open(SUBJECT, request(worker), anyone)).not.toBeInstanceOf(Promise)
  })

  test('seals an answer to the asker alone', async () => {
    const { echo, second, client } = await meeting()
    const { peer } = await echo.channel.open(SUBJECT, request(client), anyone)
    const { bytes } = echo.channel.sealToPeer({
      kind: 'reply',
      peer,
      subject: 'tacit.inbox.client.a.1',
      letters: [letter],
    })
    expect(await open(second.channel, bytes, 'tacit.inbox.client.a.1')).toBe('misaddressed')
    const answer = await client.channel.open('tacit.inbox.client.a.1', bytes, anyone)
    expect(answer.peer.sender).toEqual({ role: 'echo', id: 'echo-1', platform: 'simulated' })
    expect(parseFrame(bytes).header).toMatchObject({ epoch: 0, receiver: client.identity.id })
  })

  test('seals with a counter that names the frame', async () => {
    const { client } = await meeting()
    const counters = [1, 2, 3].map(() => client.channel.sealToGroup(toEcho).counter)
    expect(counters).toEqual([1, 2, 3])
  })

  test('can speak under the own keys though it has a passport, and is a client then', async () => {
    const { world, echo, group } = await meeting()
    const worker = await world.member('execution', 'execution-1', [group])
    const { bytes } = worker.channel.sealToGroup({ ...toEcho, asClient: true })
    const opened = await echo.channel.open(SUBJECT, bytes, anyone)
    expect(opened.peer.sender.role).toBe('client')
    const answer = echo.channel.sealToPeer({
      kind: 'reply',
      peer: opened.peer,
      subject: 'tacit.inbox.execution.a.1',
      letters: [letter],
    })
    expect((await worker.channel.open('tacit.inbox.execution.a.1', answer.bytes, anyone)).letters).toEqual([letter])
  })

  test('refuses at once, by its name, a service that the manifest has no role for', async () => {
    const { client } = await meeting()
    expect(() => client.channel.sealToGroup({ ...toEcho, group: 'nowhere' })).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining('no role "nowhere"') }),
    )
  })

  test('does not seal to a group of which it knows no key', async () => {
    const { client } = await meeting()
    expect(() => client.channel.sealToGroup({ ...toEcho, group: 'storage', subject: 'tacit.storage.get' })).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    )
  })
})

describe('place and time', () => {
  test('a frame on another subject than its own is misaddressed', async () => {
    const { echo, client } = await meeting()
    expect(await open(echo.channel, request(client), 'tacit.echo.refuse')).toBe('misaddressed')
  })

  test('a frame for a group that we are not of cannot be opened', async () => {
    const { echo, client, group } = await meeting()
    expect(await open(echo.channel, craft(client, group.publicKey.public_key, { receiver: 'storage' }))).toBe(
      'stale_epoch',
    )
  })

  test('a frame for another member is misaddressed', async () => {
    const { echo, client, group } = await meeting()
    const other = craft(client, group.publicKey.public_key, { receiver: 'echo-2', epoch: 0 })
    expect(await open(echo.channel, other)).toBe('misaddressed')
  })

  test.each<[string, Partial<FrameHeader>, RefusalCode | 'opened']>([
    ['just now', {}, 'opened'],
    ['a moment ahead of us', { issuedAtMs: NOW_MS + 5_000, expiresAtMs: NOW_MS + 10_000 }, 'opened'],
    ['further ahead of us', { issuedAtMs: NOW_MS + 5_001, expiresAtMs: NOW_MS + 10_000 }, 'expired'],
    ['to expire now', { issuedAtMs: NOW_MS - 10_000, expiresAtMs: NOW_MS }, 'expired'],
    ['to live a minute', { expiresAtMs: NOW_MS + 60_000 }, 'opened'],
    ['to live longer', { expiresAtMs: NOW_MS + 60_001 }, 'expired'],
    ['to end before it began', { issuedAtMs: NOW_MS + 1_000, expiresAtMs: NOW_MS - 1 }, 'expired'],
    ['as a post that may wait', { kind: 'post', expiresAtMs: NOW_MS + 604_800_000 }, 'opened'],
    ['as a post that has waited too long', { kind: 'post', issuedAtMs: NOW_MS - 1000, expiresAtMs: NOW_MS }, 'expired'],
  ])('a frame that was made %s', async (_what, more, code) => {
    const { echo, client, group } = await meeting()
    expect(await open(echo.channel, craft(client, group.publicKey.public_key, more))).toBe(code)
  })
})

describe('replays', () => {
  test('a frame is accepted once by a member', async () => {
    const { echo, client } = await meeting()
    const frame = request(client)
    expect(await open(echo.channel, frame)).toBe('opened')
    expect(await open(echo.channel, frame)).toBe('replayed')
  })

  test('and once more by another member of the group, which did not see it: the request id is the same', async () => {
    const { echo, second, client } = await meeting()
    const frame = request(client)
    const [one, two] = [
      await echo.channel.open(SUBJECT, frame, anyone),
      await second.channel.open(SUBJECT, frame, anyone),
    ]
    expect(one.sessionPrefix).toBe(two.sessionPrefix)
    expect(one.peer.sender).toEqual(two.peer.sender)
    expect(one.letters).toEqual(two.letters)
  })

  test('a post is opened as often as it is delivered', async () => {
    const { echo, client, group } = await meeting()
    const post = craft(client, group.publicKey.public_key, { kind: 'post' })
    expect(await open(echo.channel, post)).toBe('opened')
    expect(await open(echo.channel, post)).toBe('opened')
  })

  test('what was not accepted is not remembered: a broken copy sent ahead does not bar the real frame', async () => {
    const { echo, client } = await meeting()
    const frame = request(client)
    const broken = Buffer.from(frame)
    broken[broken.length - 1]! ^= 1
    expect(await open(echo.channel, broken)).toBe('not_admitted')
    expect(await open(echo.channel, frame)).toBe('opened')
  })
})

describe('before the body is opened', () => {
  test('whoever decides who may speak here sees sender and kind, and its refusal is the answer', async () => {
    const { echo, client, group } = await meeting()
    const broken = craft(client, group.publicKey.public_key, { kind: 'reply' })
    broken[broken.length - 1]! ^= 1
    const code = await codeOf(() =>
      echo.channel.open(SUBJECT, broken, ({ sender }, kind) => {
        expect(sender.role).toBe('client')
        expect(kind).toBe('reply')
        throw new Refusal('forbidden', 'not here')
      }),
    )
    expect(code).toBe('forbidden')
  })

  test('a member that was revoked is refused', async () => {
    const { world, echo, group } = await meeting()
    const worker = await world.member('execution', 'execution-1', [group])
    expect(await open(echo.channel, request(worker))).toBe('opened')
    echo.peers.revoke(['execution-1'])
    expect(await open(echo.channel, request(worker))).toBe('not_admitted')
  })
})

describe('epochs', () => {
  test('a frame of an epoch that has ended is stale, whatever is in it', async () => {
    const world = sampleWorld()
    const short = groupEpoch('echo', 1, NOW_MS, NOW_MS + 20_000)
    const echo = await world.member('echo', 'echo-1', [short])
    const client = world.client([short])
    const frame = request(client)
    world.clock.advance(20_000)
    expect(await open(echo.channel, frame)).toBe('stale_epoch')
  })

  test('of two that are open, the later is sealed to, and both are opened', async () => {
    const world = sampleWorld()
    const [one, two] = [groupEpoch('echo', 1), groupEpoch('echo', 2, NOW_MS + 10_000)]
    const echo = await world.member('echo', 'echo-1', [one, two])
    const client = world.client([one, two])
    const before = request(client)
    world.clock.advance(10_000)
    const after = request(client)
    expect([before, after].map((frame) => parseFrame(frame).header.epoch)).toEqual([1, 2])
    expect(await open(echo.channel, after)).toBe('opened')
    expect(await open(echo.channel, before)).toBe('opened')
  })

  test('a group that began anew under the same number is sealed to with its new key', async () => {
    const world = sampleWorld()
    const client = world.client([groupEpoch('echo', 1)])
    request(client)
    const anew = groupEpoch('echo', 1)
    client.keyRing.learn([anew.publicKey])
    const echo = await world.member('echo', 'echo-1', [anew])
    expect(await open(echo.channel, request(client))).toBe('opened')
  })
})

describe('somebody else', () => {
  test("cannot speak under a member's passport", async () => {
    const { world, echo, client, group } = await meeting()
    const victim = await world.member('execution', 'execution-1', [group])
    const forged = craft(client, group.publicKey.public_key, { credential: victim.identity.credential })
    expect(await open(echo.channel, forged)).toBe('not_admitted')
  })

  test("cannot put its own sealing key beside a client's signing key", async () => {
    const { echo, client, group, world } = await meeting()
    const other = world.client([group])
    const forged = craft(other, group.publicKey.public_key, {
      credential: {
        kind: 'client',
        signingKey: client.identity.keys.signingKey.publicKey,
        sealingKey: other.identity.keys.sealingKey.publicKey,
      },
    })
    expect(await open(echo.channel, forged)).toBe('not_admitted')
  })

  test('with a sealing key of small order is not admitted', async () => {
    const { echo, client, group } = await meeting()
    const credential = {
      kind: 'client' as const,
      signingKey: client.identity.keys.signingKey.publicKey,
      sealingKey: Buffer.alloc(32),
    }
    expect(await open(echo.channel, craft(client, group.publicKey.public_key, { credential }))).toBe('not_admitted')
  })
})

test('a sender whose clock runs behind is told so when its frames have expired', async () => {
  const { world, echo, group } = await meeting()
  const late = sampleWorld()
  expect(late.clock).toBeInstanceOf(ManualClock)
  const client = late.client([group])
  world.clock.advance(31_000)
  expect(await open(echo.channel, request(client))).toBe('expired')
})
