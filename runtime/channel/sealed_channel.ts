/**
 * The sealed channel makes frames and opens them. What it opens was sent by an admitted peer, to us, on this subject,
 * within its time, and for the first time. It refuses everything else, wherever possible before it opens the body.
 *
 * This drawer holds everything between a typed call and the bytes on the broker: who we are, who the others are, how
 * frames are sealed and opened, and how requests and answers travel in them.
 */
import type { KeyPair } from '../../attestation/index.ts'
import {
  deriveSealingSecret,
  openFrame,
  openFrameSignedLater,
  sealFrame,
  sealFrameSignedLater,
} from '../../attestation/index.ts'
import type { FrameHeader, FrameKind, SignatureTiming, ParsedFrame } from '../../messages/index.ts'
import { CLOCK_SKEW_MS, FRAME_LIFETIME_MS_MAX, parseFrame, Refusal } from '../../messages/index.ts'
import type { Clock } from '../clock.ts'
import type { Identity } from './identity.ts'
import type { KeyRing } from './key_ring.ts'
import type { AwaitedSignatures } from './later_signatures/awaited_signatures.ts'
import type { FrameToSign } from './later_signatures/owed_signatures.ts'
import type { Peer, Peers } from './peers.ts'
import type { ReplayWindow } from './replay_window.ts'

/** Long enough for the slowest ordinary call, and short enough to keep the replay window small. */
const FRAME_LIFETIME_MS = 30_000
const GROUP_SECRETS_MAX = 256

export interface SealedChannelParts {
  identity: Identity
  keyRing: KeyRing
  peers: Peers
  replays: ReplayWindow
  clock: Clock
  /** Absent: only frames with their signature inside are taken. */
  awaitedSignatures?: AwaitedSignatures
}

/** Letters for whoever holds the present key of a group. */
export interface ForGroup {
  kind: 'request' | 'post'
  group: string
  subject: string
  letters: readonly Uint8Array[]
  /** How long the frame is valid; 30 s if absent. */
  lifetimeMs?: number
  /** True: under our own keys instead of our passport. */
  asClient?: boolean
  /** `inside` if absent. A frame without a passport always has its signature inside. */
  signature?: SignatureTiming
}

/** Letters for one peer, under its own key. */
export interface ForPeer {
  kind: 'request' | 'reply' | 'signatures'
  peer: Peer
  subject: string
  letters: readonly Uint8Array[]
  /** `inside` if absent. */
  signature?: SignatureTiming
}

export interface SealedFrame {
  bytes: Buffer
  counter: number
  /** Present if the frame is signed later. */
  toSign?: FrameToSign
}

export interface OpenedFrame {
  kind: FrameKind
  signature: SignatureTiming
  peer: Peer
  letters: Buffer[]
  /** The first half of the frame's id, in hex: the same for all frames of one process. */
  sessionPrefix: string
}

/**
 * Refuses what a receiver does not accept on a subject; it knows the sender's verified role, and the body is still
 * sealed.
 */
export type AdmitPeer = (peer: Peer, kind: FrameKind, signature: SignatureTiming) => void

export class SealedChannel {
  readonly identity: Identity
  readonly keyRing: KeyRing
  readonly peers: Peers
  readonly #replays: ReplayWindow
  readonly #clock: Clock
  readonly #awaitedSignatures: AwaitedSignatures | undefined
  readonly #groupSecrets = new Map<string, Buffer>()

  constructor({ identity, keyRing, peers, replays, clock, awaitedSignatures }: SealedChannelParts) {
    this.identity = identity
    this.keyRing = keyRing
    this.peers = peers
    this.#replays = replays
    this.#clock = clock
    this.#awaitedSignatures = awaitedSignatures
  }

  /** Seals letters to whoever holds the group's present key. */
  sealToGroup(frame: ForGroup): SealedFrame {
    const { kind, group, subject, letters, lifetimeMs = FRAME_LIFETIME_MS, asClient = false } = frame
    if (kind === 'request') this.peers.checkRole(group)
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
    const signature = credential.kind === 'client' ? 'inside' : (frame.signature ?? 'inside')
    return this.#seal({ kind, signature, credential, receiver: group, epoch, subject }, letters, secret, lifetimeMs)
  }

  /** Seals letters to one peer's own key. */
  sealToPeer({ kind, peer, subject, letters, signature = 'inside' }: ForPeer): SealedFrame {
    const secret = this.peers.secret(peer, this.identity.keys.sealingKey, 'own', 'from_us')
    const { credential } = this.identity
    const address = { kind, signature, credential, receiver: peer.sender.id, epoch: 0, subject }
    return this.#seal(address, letters, secret, FRAME_LIFETIME_MS)
  }

  /**
   * Opens a frame that came on `subject`. It is synchronous when the sender is known already: that keeps the order of
   * frames and costs no turn of the event loop.
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
    // A post waits in the work queue for as long as it takes. Its lease and its token keep it from running twice.
    if (header.kind !== 'post' && header.expiresAtMs - header.issuedAtMs > FRAME_LIFETIME_MS_MAX) {
      throw new Refusal('expired', 'the frame claims to live longer than any frame may')
    }
  }

  #openFrom(peer: Peer, frame: ParsedFrame, admit: AdmitPeer): OpenedFrame {
    const { header } = frame
    const replayKey = `${peer.key}${Buffer.from(header.id).toString('latin1')}`
    if (header.kind !== 'post') this.#replays.check(replayKey)
    admit(peer, header.kind, header.signature)
    const awaited = header.signature === 'later' ? this.#admitSignedLater(peer, header.kind) : undefined
    const { own, ownId } = this.#keyFor(frame)
    const secret = this.peers.secret(peer, own, ownId, 'to_us')
    let letters: Buffer[]
    if (awaited === undefined) letters = openFrame(frame, secret, peer.signer)
    else {
      const opened = openFrameSignedLater(frame, secret)
      letters = opened.letters
      awaited.add(peer.sender.id, header.id, opened.content)
    }
    if (header.kind !== 'post') this.#replays.accept(replayKey)
    this.peers.remember(peer)
    return {
      kind: header.kind,
      signature: header.signature,
      peer,
      letters,
      sessionPrefix: Buffer.from(header.id.subarray(0, 8)).toString('hex'),
    }
  }

  /**
   * Only a member may sign later, and only a call: a client could leave before it signs, and a post outlives its
   * sender.
   * @returns where the signature is awaited
   */
  #admitSignedLater(peer: Peer, kind: FrameKind): AwaitedSignatures {
    if (
      this.#awaitedSignatures === undefined ||
      peer.passport === undefined ||
      (kind !== 'request' && kind !== 'reply')
    ) {
      throw new Refusal('not_admitted', 'the frame must carry its signature', {
        hint: 'only calls between members may be signed later; docs/protocol.md tells which',
      })
    }
    this.#awaitedSignatures.checkRoom()
    return this.#awaitedSignatures
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
    address: Pick<FrameHeader, 'kind' | 'signature' | 'credential' | 'receiver' | 'epoch' | 'subject'>,
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
    if (header.signature === 'inside') {
      return { bytes: sealFrame(header, letters, this.identity.keys.signingKey, secret), counter }
    }
    const { bytes, content } = sealFrameSignedLater(header, letters, secret)
    return { bytes, counter, toSign: { id, content } }
  }
}
