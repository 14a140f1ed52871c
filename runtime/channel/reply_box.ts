/** Sends answers back: those for one asker that are ready in the same turn leave in one frame. */
import type { SignatureTiming } from '../../messages/index.ts'
import { FRAME_BYTES_TARGET, FRAME_LETTERS_MAX, HEADERS } from '../../messages/index.ts'
import type { Log } from '../log.ts'
import type { Transport } from '../broker/transport.ts'
import type { OwedSignatures } from './later_signatures/owed_signatures.ts'
import type { Peer } from './peers.ts'
import type { SealedChannel } from './sealed_channel.ts'

interface Waiting {
  peer: Peer
  signature: SignatureTiming
  /** The reply subject of the first request answered in this frame. */
  subject: string
  letters: Uint8Array[]
  bytes: number
}

export class ReplyBox {
  readonly #channel: SealedChannel
  readonly #transport: Transport
  readonly #log: Log
  readonly #owedSignatures: OwedSignatures<Peer> | undefined
  readonly #waiting = new Map<string, Waiting>()
  #flushPlanned = false

  constructor(channel: SealedChannel, transport: Transport, log: Log, owedSignatures?: OwedSignatures<Peer>) {
    this.#channel = channel
    this.#transport = transport
    this.#log = log
    this.#owedSignatures = owedSignatures
  }

  /** @param signature an answer is signed as its request was */
  push(peer: Peer, subject: string, letter: Uint8Array, signature: SignatureTiming): void {
    const id = `${signature} ${peer.key}`
    const waiting = this.#waiting.get(id)
    const isFull =
      waiting !== undefined &&
      (waiting.letters.length >= FRAME_LETTERS_MAX || waiting.bytes + letter.length > FRAME_BYTES_TARGET)
    // Checked before the letter joins: two letters that each fit may together be too large for a frame.
    if (waiting === undefined || isFull) {
      this.#waiting.set(id, { peer, signature, subject, letters: [letter], bytes: letter.length })
      if (isFull) this.#send(waiting)
    } else {
      waiting.letters.push(letter)
      waiting.bytes += letter.length
    }
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    setImmediate(() => this.flush())
  }

  /** Sends everything that waits. */
  flush(): void {
    this.#flushPlanned = false
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const waiting of all) this.#send(waiting)
  }

  #send({ peer, signature, subject, letters }: Waiting): void {
    try {
      const owed = this.#owedSignatures
      const { bytes, toSign } = this.#channel.sealToPeer({
        kind: 'reply',
        peer,
        subject,
        letters,
        signature: owed === undefined ? 'inside' : signature,
      })
      if (toSign !== undefined) owed?.owe(peer, owed.prepare(toSign))
      this.#transport.publish(subject, bytes, { headers: { [HEADERS.sender]: this.#channel.identity.id } })
    } catch (error) {
      // The connection is closing; the asker will ask another member.
      this.#log.warn({ err: error, to: peer.sender.id }, 'an answer could not be sent')
    }
  }
}
