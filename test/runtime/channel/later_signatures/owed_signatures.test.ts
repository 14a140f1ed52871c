import { describe, expect, test } from 'vitest'
import { ManualClock, OwedSignatures, parseFrameStatement, silentLog } from '../../../../runtime/index.ts'
import type { Log, Peer, SealedChannel, Transport } from '../../../../runtime/index.ts'
import { sampleWorld } from '../sample_channel.ts'
import { NOW_MS } from '../../../attestation/sample_platform.ts'

const sealBy = (channel: SealedChannel) => (peer: Peer, subject: string, letters: readonly Uint8Array[]) =>
  channel.sealToPeer({ kind: 'signatures', peer, subject, letters }).bytes

async function owe(log: Log = silentLog) {
  const world = sampleWorld()
  const clock = new ManualClock(NOW_MS)
  const from = await world.member('echo', 'echo-1')
  const [one, two] = [await world.member('execution', 'execution-1'), await world.member('echo', 'echo-2')]
  const sent: { subject: string; data: Uint8Array }[] = []
  const transport = { publish: (subject, data) => void sent.push({ subject, data }) } as Pick<Transport, 'publish'>
  const owed = new OwedSignatures<Peer>({ seal: sealBy(from.channel), transport, clock, log })
  const peerOf = (id: string, role: string) => from.channel.peers.resolveMember(id, role)
  const peers = { one: await peerOf('execution-1', 'execution'), two: await peerOf('echo-2', 'echo') }
  const frame = (n: number) => {
    const id = Buffer.alloc(16)
    id.writeUInt32BE(n, 12)
    return owed.prepare({ id, content: { headerBytes: Buffer.alloc(40), framed: [Buffer.from('\0\0\0\u0001x')] } })
  }
  /** Which frames a message of signatures is about. */
  const read = async ({ subject, data }: (typeof sent)[number], by: typeof one) => {
    const { kind, signature, letters } = await by.channel.open(subject, data, () => {})
    expect([kind, signature]).toEqual(['signatures', 'inside'])
    return letters.map((letter) => parseFrameStatement(letter).frameId.readUInt32BE(12))
  }
  return { world, clock, owed, peers, frame, sent, one, two, read }
}

describe('owed signatures', () => {
  test('leave together a tenth of a second after the first, for each peer in a frame of its own', async () => {
    const { clock, owed, peers, frame, sent, one, two, read } = await owe()
    owed.owe(peers.one, frame(1))
    owed.owe(peers.two, frame(2))
    clock.advance(99)
    owed.owe(peers.one, frame(3))
    expect(sent).toEqual([])
    clock.advance(1)
    expect(sent.map(({ subject }) => subject)).toEqual(['tacit.roots.execution.execution-1', 'tacit.roots.echo.echo-2'])
    expect(await read(sent[0]!, one)).toEqual([1, 3])
    expect(await read(sent[1]!, two)).toEqual([2])
    clock.advance(1_000)
    expect(sent).toHaveLength(2)
  })

  test('leave at once when they fill a frame', async () => {
    const { owed, peers, frame, sent, one, read } = await owe()
    for (let n = 0; n < 257; n += 1) owed.owe(peers.one, frame(n))
    expect(sent).toHaveLength(1)
    expect(await read(sent[0]!, one)).toEqual(Array.from({ length: 256 }, (_, n) => n))
    owed.flush()
    expect(await read(sent[1]!, one)).toEqual([256])
  })

  test('that cannot be sent are told of, and no defect', async () => {
    const told: object[] = []
    const log = { ...silentLog, warn: (fields: object) => void told.push(fields) }
    const world = sampleWorld()
    const from = await world.member('echo', 'echo-1')
    await world.member('echo', 'echo-2')
    const peer = await from.channel.peers.resolveMember('echo-2', 'echo')
    const closed = {
      publish: () => {
        throw new Error('closed')
      },
    }
    const owed = new OwedSignatures<Peer>({
      seal: sealBy(from.channel),
      transport: closed,
      clock: new ManualClock(NOW_MS),
      log,
    })
    owed.owe(
      peer,
      owed.prepare({ id: Buffer.alloc(16), content: { headerBytes: Buffer.alloc(40), framed: [Buffer.from('x')] } }),
    )
    owed.flush()
    expect(told).toMatchObject([{ to: 'echo-2', frames: 1 }])
  })
})
