/**
 * The signatures that we owe for frames we sent without one. For each peer they leave together, a tenth of a second
 * after the first one or when they fill a frame, so that one signature serves up to 256 frames. If the process is
 * killed, what it owes is never signed.
 *
 * This drawer holds everything about signatures that come later than their frame: what they are over, who owes them,
 * and who waits for them. It knows nothing of the channel, which hands in how to seal and how to open.
 */
import type { FrameContent } from '../../../attestation/index.ts'
import { FRAME_LETTERS_MAX, signaturesSubject } from '../../../messages/index.ts'
import type { Sender } from '../../actor.ts'
import type { Transport } from '../../broker/transport.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { LaterDigest } from './frame_statement.ts'
import { encodeFrameStatement, LaterDigests } from './frame_statement.ts'

const GATHER_MS = 100

/** A frame that was sealed without a signature: what is still to be signed. */
export interface FrameToSign {
  id: Uint8Array
  content: FrameContent
}

/** The signature that is owed for one frame to the member that took it. */
export interface OwedSignature {
  frameId: Uint8Array
  digest: LaterDigest
}

export interface OwedSignaturesOptions<P> {
  /** Signs statements and seals them to one peer, as the bytes of a frame of kind `signatures`. */
  seal: (peer: P, subject: string, statements: readonly Uint8Array[]) => Uint8Array
  transport: Pick<Transport, 'publish'>
  clock: Clock
  log: Log
}

export class OwedSignatures<P extends { sender: Sender }> {
  readonly #options: OwedSignaturesOptions<P>
  readonly #digests = new LaterDigests()
  readonly #owed = new Map<string, { peer: P; frames: OwedSignature[] }>()
  #cancel: (() => void) | undefined

  constructor(options: OwedSignaturesOptions<P>) {
    this.#options = options
  }

  /** Begins to compute the digest of a frame that was just sent; who takes the frame may be known only later. */
  prepare({ id, content }: FrameToSign): OwedSignature {
    return { frameId: id, digest: this.#digests.of(content) }
  }

  /** @param peer the member that took the frame */
  owe(peer: P, frame: OwedSignature): void {
    const { id } = peer.sender
    const owed = this.#owed.get(id)
    if (owed === undefined) this.#owed.set(id, { peer, frames: [frame] })
    else {
      owed.peer = peer
      owed.frames.push(frame)
      if (owed.frames.length >= FRAME_LETTERS_MAX) this.#sign(id)
    }
    this.#cancel ??= this.#options.clock.after(GATHER_MS, () => this.flush())
  }

  /** Signs and sends everything that is owed. */
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
    const { seal, transport, log } = this.#options
    try {
      const subject = signaturesSubject(peer.sender.role, id)
      const statements = frames.map(({ frameId, digest }) => encodeFrameStatement(frameId, digest.value))
      transport.publish(subject, seal(peer, subject, statements))
    } catch (error) {
      // The connection is closing, or our passport has ended. The peer's log will say that these frames were never
      // signed.
      log.warn({ err: error, to: id, frames: frames.length }, 'frames could not be signed')
    }
  }
}
