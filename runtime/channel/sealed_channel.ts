/**
 * The sealed channel: makes frames and opens them. What it opens was sent by an admitted peer, to us, on this subject,
 * within its time, and for the first time; everything else it refuses, before the body is opened wherever it can.
 */
import type { FrameContent, KeyPair } from '../../attestation/index.ts'
import {
  deriveSealingSecret,
  openFrame,
  openFrameUnsigned,
  sealFrame,
  sealFrameUnsigned,
} from '../../attestation/index.ts'
import type { FrameHeader, FrameKind, FrameRoot, ParsedFrame } from '../../messages/index.ts'
import { CLOCK_SKEW_MS, FRAME_LIFETIME_MS_MAX, parseFrame, Refusal } from '../../messages/index.ts'
import type { Clock } from '../clock.ts'
import type { AwaitedRoots } from './later_signatures/awaited_signatures.ts'
import type { Identity } from './identity.ts'
import type { KeyRing } from './key_ring.ts'
import type { Peer, Peers } from './peers.ts'
import type { ReplayWindow } from './replay_window.ts'

/** Long enough for the slowest ordinary call, short enough that the replay window stays small. */
const FRAME_LIFETIME_MS = 30_000
const GROUP_SECRETS_MAX = 256

export interface GroupSealing {
  /** How long the frame is good for; half a minute unless told. */
  lifetimeMs?: number
  /** Under our own keys instead of our passport. */
  asClient?: boolean
  /** `inside` unless told; what has no passport is always signed inside. */
  root?: FrameRoot
}

export interface SealedFrame {
  bytes: Buffer
  counter: number
  /** Of a frame whose root follows: what is still to be signed. */
  unsigned?: UnsignedFrame
}

export interface UnsignedFrame {
  id: Uint8Array
  content: FrameContent
}

export interface OpenedFrame {
  kind: FrameKind
  root: FrameRoot
  peer: Peer
  letters: Buffer[]
  /** The sender's frame id as hex of its first half: the same for all frames of one sender's process. */
  sessionPrefix: string
}

/** What a receiver accepts on a subject, decided from the sender's verified role before the body is opened. */
export type AdmitPeer = (peer: Peer, kind: FrameKind, root: FrameRoot) => void

export class SealedChannel {
  readonly identity: Identity
  readonly keyRing: KeyRing
  readonly peers: Peers
  readonly #replays: ReplayWindow
  readonly #clock: Clock
  readonly #awaited: AwaitedRoots | undefined
  readonly #groupSecrets = new Map<string, Buffer>()

  /** @param awaited absent: only frames with their signature inside are taken */
  constructor(
    identity: Identity,
    keyRing: KeyRing,
    peers: Peers,
    replays: ReplayWindow,
    clock: Clock,
    awaited?: AwaitedRoots,
  ) {
    this.identity = identity
    this.keyRing = keyRing
    this.peers = peers
    this.#replays = replays
    this.#clock = clock
    this.#awaited = awaited
  }

  /** Seals letters to whoever holds the group's present key. */
  sealToGroup(
    kind: 'request' | 'post',
    group: string,
    subject: string,
    letters: readonly Uint8Array[],
    { lifetimeMs = FRAME_LIFETIME_MS, asClient = false, root = 'inside' }: GroupSealing = {},
  ): SealedFrame {
    const { epoch, public_key } = this.keyRing.publicKey(group, this.#clock.now())
    const id = Buffer.from(public_key).toString('latin1')
    let secret = this.#groupSecrets.get(id)
    if (secret === undefined) {
      const own = this.identity.keys.sealingKey
      secret = deriveSealingSecret(own, public_key, own.publicKey, public_key)
      if (this.#groupSecrets.size >= GROUP_SECRETS_MAX) this.#groupSecrets.clear()
      this.#groupSecrets.set(id, secret)
    }
    const credential = asClient ? this.identity.clientCredential : this.identity.credential
    const where = credential.kind === 'client' ? 'inside' : root
    return this.#seal({ kind, root: where, credential, receiver: group, epoch, subject }, letters, secret, lifetimeMs)
  }

  /** Seals letters to one peer's own key. */
  sealToPeer(
    kind: 'request' | 'reply' | 'roots',
    peer: Peer,
    subject: string,
    letters: readonly Uint8Array[],
    root: FrameRoot = 'inside',
  ): SealedFrame {
    const secret = this.peers.secret(peer, this.identity.keys.sealingKey, 'own', 'from_us')
    const { credential } = this.identity
    const address = { kind, root, credential, receiver: peer.sender.id, epoch: 0, subject }
    return this.#seal(address, letters, secret, FRAME_LIFETIME_MS)
  }

  /**
   * Opens a frame that came on `subject`. Synchronous when the sender is known already, which keeps the order of frames
   * and costs no turn of the event loop.
   */
  open(subject: string, bytes: Uint8Array, admit: AdmitPeer): OpenedFrame | Promise<OpenedFrame> {
    const frame = parseFrame(bytes)
    this.#checkTimeAndPlace(frame, subject)
    const peer = this.peers.known(frame.header.credential)
    if (peer !== undefined) return this.#openFrom(peer, frame, admit)
    return this.peers.resolve(frame.header.credential).then((resolved) => this.#openFrom(resolved, frame, admit))
  }

  #checkTimeAndPlace({ header }: ParsedFrame, subject: string): void {
    if (header.subject !== subject) {
      throw new Refusal('misaddressed', 'the frame was sealed for another subject')
    }
    const now = this.#clock.now()
    if (header.issuedAtMs > now + CLOCK_SKEW_MS) {
      throw new Refusal('expired', 'the frame is from the future', { hint: 'set the clock of the sender' })
    }
    if (header.expiresAtMs <= now) {
      throw new Refusal('expired', 'the frame came too late', {
        hint: 'send it again; compare the clocks if this repeats',
      })
    }
    // A post waits in the work queue for as long as it takes; its lease and its token keep it from running twice.
    if (header.kind !== 'post' && header.expiresAtMs - header.issuedAtMs > FRAME_LIFETIME_MS_MAX) {
      throw new Refusal('expired', 'the frame claims to live longer than any frame may')
    }
  }

  #openFrom(peer: Peer, frame: ParsedFrame, admit: AdmitPeer): OpenedFrame {
    const { header } = frame
    const replayKey = `${peer.key}${Buffer.from(header.id).toString('latin1')}`
    if (header.kind !== 'post') this.#replays.check(replayKey)
    admit(peer, header.kind, header.root)
    const awaited = header.root === 'follows' ? this.#mayFollow(peer, header.kind) : undefined
    const { own, ownId } = this.#keyFor(frame)
    const secret = this.peers.secret(peer, own, ownId, 'to_us')
    let letters: Buffer[]
    if (awaited === undefined) letters = openFrame(frame, secret, peer.signer)
    else {
      const opened = openFrameUnsigned(frame, secret)
      letters = opened.letters
      awaited.add(peer.sender.id, header.id, opened.content)
    }
    if (header.kind !== 'post') this.#replays.accept(replayKey)
    this.peers.remember(peer)
    return {
      kind: header.kind,
      root: header.root,
      peer,
      letters,
      sessionPrefix: Buffer.from(header.id.subarray(0, 8)).toString('hex'),
    }
  }

  /** Whose root may follow: a member's, of a call. A client could leave before it signs, and a post outlives its sender. */
  #mayFollow(peer: Peer, kind: FrameKind): AwaitedRoots {
    if (this.#awaited === undefined || peer.passport === undefined || (kind !== 'request' && kind !== 'reply')) {
      throw new Refusal('not_admitted', 'the frame must carry its signature', {
        hint: 'roots may follow in calls between members; docs/protocol.md tells which',
      })
    }
    this.#awaited.checkRoom()
    return this.#awaited
  }

  #keyFor({ header }: ParsedFrame): { own: KeyPair; ownId: string } {
    if (header.epoch !== 0) {
      const own = this.keyRing.privateKey(header.receiver, header.epoch, this.#clock.now())
      return { own, ownId: `${header.receiver}:${header.epoch}` }
    }
    if (!this.identity.isNamed(header.receiver))
      throw new Refusal('misaddressed', 'the frame was sealed for somebody else')
    return { own: this.identity.keys.sealingKey, ownId: 'own' }
  }

  #seal(
    address: Pick<FrameHeader, 'kind' | 'root' | 'credential' | 'receiver' | 'epoch' | 'subject'>,
    letters: readonly Uint8Array[],
    secret: Uint8Array,
    lifetimeMs: number,
  ): SealedFrame {
    const { id, nonce, counter } = this.identity.nextFrame()
    const issuedAtMs = this.#clock.now()
    const header = {
      ...address,
      id,
      nonce,
      issuedAtMs,
      expiresAtMs: issuedAtMs + lifetimeMs,
      letters: letters.length,
    }
    if (header.root === 'inside') {
      return { bytes: sealFrame(header, letters, this.identity.keys.signingKey, secret), counter }
    }
    const { bytes, content } = sealFrameUnsigned(header, letters, secret)
    return { bytes, counter, unsigned: { id, content } }
  }
}
