/**
 * Sends requests: gathers those for one destination into frames, seals and publishes them, and knows each frame by its
 * number until nobody waits for its answer any more.
 */
import { HEADERS, Refusal } from '../../messages/index.ts'
import type { Transport } from '../broker/transport.ts'
import type { Destination } from './destination.ts'
import type { FrameUnderWay } from './frame_gatherer.ts'
import { FrameGatherer } from './frame_gatherer.ts'
import type { OwedSignatures } from './later_signatures/owed_signatures.ts'
import type { Peer } from './peers.ts'
import type { PendingRequest } from './pending_requests.ts'
import type { SealedChannel, SealedFrame } from './sealed_channel.ts'

export interface FrameSenderOptions {
  channel: SealedChannel
  transport: Pick<Transport, 'publish'>
  /** Answers to a frame come on this subject, followed by the number of the frame. */
  inbox: string
  /** Whether a request of this number still waits for its answer; others are not sent. */
  isPending: (number: number) => boolean
  /** Told of a frame that could not be sent. */
  onUnsent: (frame: FrameUnderWay<PendingRequest>, refusal: Refusal) => void
  /** Absent: every request carries its signature. */
  owedSignatures: OwedSignatures<Peer> | undefined
}

export class FrameSender {
  readonly #options: FrameSenderOptions
  readonly #frames = new Map<number, FrameUnderWay<PendingRequest>>()
  readonly #gatherers = new Map<string, FrameGatherer<PendingRequest>>()

  constructor(options: FrameSenderOptions) {
    this.#options = options
  }

  /**
   * Sends a request with the next frame to its destination; refuses `overloaded` when too much waits for that already.
   */
  send(request: PendingRequest): void {
    const gatherer = this.#gatherer(request.destination)
    if (request.frame !== undefined) gatherer.release(request.frame)
    request.frame = undefined
    gatherer.push(request)
  }

  /** The frame that an answer is about. */
  frame(counter: number): FrameUnderWay<PendingRequest> | undefined {
    return this.#frames.get(counter)
  }

  /** Notes that a peer has taken a frame: if the peer is of the service that was asked, we owe it the signature. */
  taken(frame: FrameUnderWay<PendingRequest>, peer: Peer): void {
    if (frame.owed === undefined || frame.items[0]?.destination.service !== peer.sender.role) return
    this.#options.owedSignatures?.owe(peer, frame.owed)
    frame.owed = undefined
  }

  /** A frame was answered or given up: it no longer holds back what waits behind it. */
  release(frame: FrameUnderWay<PendingRequest>): void {
    const first = frame.items[0]
    if (frame.open && first !== undefined) this.#gatherer(first.destination).release(frame)
  }

  /** Forgets the frames for which nobody waits any more; some of them never had an answer. */
  sweep(): void {
    const { isPending } = this.#options
    for (const [counter, frame] of this.#frames) {
      if (frame.items.some((request) => request.frame === frame && isPending(request.number))) continue
      this.release(frame)
      this.#frames.delete(counter)
    }
  }

  #gatherer(destination: Destination): FrameGatherer<PendingRequest> {
    // We may ask on one subject as a member and as a client, and a frame has one sender.
    const id =
      destination.kind === 'group' && destination.asClient ? `client ${destination.subject}` : destination.subject
    let gatherer = this.#gatherers.get(id)
    if (gatherer === undefined) {
      gatherer = new FrameGatherer((frame) => void this.#sendFrame(destination, frame))
      this.#gatherers.set(id, gatherer)
    }
    return gatherer
  }

  async #sendFrame(destination: Destination, frame: FrameUnderWay<PendingRequest>): Promise<void> {
    const { channel, transport, inbox, isPending, onUnsent, owedSignatures } = this.#options
    try {
      const wanted = frame.items.filter(({ number }) => isPending(number))
      if (wanted.length === 0) return this.release(frame)
      const letters = wanted.map(({ letter }) => letter)
      // Sealing to a group is synchronous, which keeps the order of frames; one member's key may have to be looked up.
      const { bytes, counter, toSign } =
        destination.kind === 'group'
          ? this.#sealToGroup(destination, letters)
          : channel.sealToPeer({
              kind: 'request',
              peer: await channel.peers.resolveMember(destination.member, destination.service),
              subject: destination.subject,
              letters,
            })
      this.#frames.set(counter, frame)
      if (toSign !== undefined) frame.owed = owedSignatures?.prepare(toSign)
      for (const request of wanted) request.frame = frame
      const headers: Record<string, string> = {
        [HEADERS.sender]: channel.identity.id,
        [HEADERS.letters]: String(letters.length),
      }
      const task = wanted.length === 1 ? wanted[0]?.task : undefined
      if (task !== undefined) headers[HEADERS.task] = task
      transport.publish(destination.subject, bytes, { reply: `${inbox}.${counter}`, headers })
    } catch (error) {
      const refusal =
        error instanceof Refusal ? error : new Refusal('unavailable', 'the request could not be sent', { cause: error })
      onUnsent(frame, refusal)
    }
  }

  #sealToGroup(destination: Destination & { kind: 'group' }, letters: readonly Uint8Array[]): SealedFrame {
    const { group, subject, asClient, signature } = destination
    return this.#options.channel.sealToGroup({
      kind: 'request',
      group,
      subject,
      letters,
      asClient,
      signature: this.#options.owedSignatures === undefined ? 'inside' : signature,
    })
  }
}
