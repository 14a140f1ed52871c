/**
 * What we owe: the signed roots of frames that we sent without. They leave for each peer together, a tenth of a second
 * after the first or when a frame of them is full, so that one signature serves up to 256 frames. What is owed when the
 * process is killed is never signed.
 */
import { FRAME_LETTERS_MAX, rootsSubject } from '../../../messages/index.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Transport } from '../../broker/transport.ts'
import type { LaterDigest } from './later_digests.ts'
import { LaterDigests } from './later_digests.ts'
import type { Peer } from '../peers.ts'
import { encodeRootStatement } from './root_statement.ts'
import type { SealedChannel, UnsignedFrame } from '../sealed_channel.ts'

const GATHER_MS = 100

/** The root of one frame, to be signed for the member that took it. */
export interface OwedRoot {
  frameId: Uint8Array
  digest: LaterDigest
}

export class OwedRoots {
  readonly #channel: SealedChannel
  readonly #transport: Pick<Transport, 'publish'>
  readonly #clock: Clock
  readonly #log: Log
  readonly #digests = new LaterDigests()
  readonly #owed = new Map<string, { peer: Peer; frames: OwedRoot[] }>()
  #cancel: (() => void) | undefined

  constructor(channel: SealedChannel, transport: Pick<Transport, 'publish'>, clock: Clock, log: Log) {
    this.#channel = channel
    this.#transport = transport
    this.#clock = clock
    this.#log = log
  }

  /** Begins to compute the digest of a frame just sent; to whom it is owed may be known later only. */
  prepare({ id, content }: UnsignedFrame): OwedRoot {
    return { frameId: id, digest: this.#digests.of(content) }
  }

  /** @param peer a member, the one that took the frame */
  owe(peer: Peer, frame: OwedRoot): void {
    const { id } = peer.sender
    const owed = this.#owed.get(id)
    if (owed === undefined) this.#owed.set(id, { peer, frames: [frame] })
    else {
      owed.peer = peer
      owed.frames.push(frame)
      if (owed.frames.length >= FRAME_LETTERS_MAX) this.#sign(id)
    }
    this.#cancel ??= this.#clock.after(GATHER_MS, () => this.flush())
  }

  /** Signs and sends all that is owed. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const id of this.#owed.keys()) this.#sign(id)
  }

  #sign(id: string): void {
    const owed = this.#owed.get(id)
    if (owed === undefined) return
    this.#owed.delete(id)
    const { peer, frames } = owed
    try {
      const subject = rootsSubject(peer.sender.role, id)
      const letters = frames.map(({ frameId, digest }) => encodeRootStatement(frameId, digest.value))
      this.#transport.publish(subject, this.#channel.sealToPeer('roots', peer, subject, letters).bytes)
    } catch (error) {
      // The connection is closing, or our passport has ended: the peer will say that these frames were never signed.
      this.#log.warn({ err: error, to: id, frames: frames.length }, 'the roots of frames could not be signed')
    }
  }
}
