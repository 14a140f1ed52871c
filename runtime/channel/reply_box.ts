/** Answers on their way back: those for one asker that are ready in the same turn leave in one frame. */
import type { FrameRoot } from '../../messages/index.ts'
import { FRAME_BYTES_TARGET, FRAME_LETTERS_MAX, HEADERS } from '../../messages/index.ts'
import type { Log } from '../log.ts'
import type { Transport } from '../broker/transport.ts'
import type { OwedRoots } from './later_signatures/owed_signatures.ts'
import type { Peer } from './peers.ts'
import type { SealedChannel } from './sealed_channel.ts'

interface Waiting {
  peer: Peer
  root: FrameRoot
  /** The reply subject of the first request answered in this frame. */
  subject: string
  letters: Uint8Array[]
  bytes: number
}

export class ReplyBox {
  readonly #channel: SealedChannel
  readonly #transport: Transport
  readonly #log: Log
  readonly #owed: OwedRoots | undefined
  readonly #waiting = new Map<string, Waiting>()
  #flushPlanned = false

  constructor(channel: SealedChannel, transport: Transport, log: Log, owed?: OwedRoots) {
    this.#channel = channel
    this.#transport = transport
    this.#log = log
    this.#owed = owed
  }

  /** @param root of the answer: where the request had it */
  push(peer: Peer, subject: string, letter: Uint8Array, root: FrameRoot): void {
    const id = `${root} ${peer.key}`
    const waiting = this.#waiting.get(id)
    const isFull =
      waiting !== undefined &&
      (waiting.letters.length >= FRAME_LETTERS_MAX || waiting.bytes + letter.length > FRAME_BYTES_TARGET)
    // Asked before the letter joins: two that fit singly may be more together than a frame can be.
    if (waiting === undefined || isFull) {
      this.#waiting.set(id, { peer, root, subject, letters: [letter], bytes: letter.length })
      if (isFull) this.#send(waiting)
    } else {
      waiting.letters.push(letter)
      waiting.bytes += letter.length
    }
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    setImmediate(() => this.flush())
  }

  /** Sends all that waits. */
  flush(): void {
    this.#flushPlanned = false
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const waiting of all) this.#send(waiting)
  }

  #send({ peer, root, subject, letters }: Waiting): void {
    try {
      const where = this.#owed === undefined ? 'inside' : root
      const { bytes, unsigned } = this.#channel.sealToPeer('reply', peer, subject, letters, where)
      if (unsigned !== undefined) this.#owed?.owe(peer, this.#owed.prepare(unsigned))
      this.#transport.publish(subject, bytes, { headers: { [HEADERS.sender]: this.#channel.identity.id } })
    } catch (error) {
      // The connection is closing; the asker will ask another member.
      this.#log.warn({ err: error, to: peer.sender.id }, 'an answer could not be sent')
    }
  }
}
