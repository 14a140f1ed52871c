/**
 * The signatures that others owe us, for frames that we took because their seal showed who sent them. A statement that
 * contradicts its frame proves that its signer is not what its passport says, and it is not heard again. A signature
 * that never comes proves nothing, because its sender may have been killed; the log is told. Bounded: when too many
 * signatures are awaited, frames without one are refused.
 */
import type { FrameContent } from '../../../attestation/index.ts'
import type { FrameKind } from '../../../messages/index.ts'
import { AWAITED_SIGNATURES_MAX, Refusal } from '../../../messages/index.ts'
import type { Sender } from '../../actor.ts'
import type { Subscription, Transport } from '../../broker/transport.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { BoundedLog } from '../../log.ts'
import type { LaterDigest } from './frame_statement.ts'
import { LaterDigests, parseFrameStatement } from './frame_statement.ts'

/** Longer than any answer takes, because a request's signature is owed only once the request was answered. */
const GENERATION_MS = 70_000

export class AwaitedSignatures {
  readonly #clock: Clock
  readonly #log: Log
  readonly #distrust: (member: string) => void
  readonly #framesMax: number
  readonly #digests = new LaterDigests()
  #current = new Map<string, LaterDigest>()
  #previous = new Map<string, LaterDigest>()
  #rotateAtMs: number

  /** @param distrust is told of a member that signed something else than its frame said */
  constructor(clock: Clock, log: Log, distrust: (member: string) => void, framesMax = AWAITED_SIGNATURES_MAX) {
    this.#clock = clock
    this.#log = log
    this.#distrust = distrust
    this.#framesMax = framesMax
    this.#rotateAtMs = clock.now() + GENERATION_MS
  }

  /** How many frames wait for their signature. */
  get size(): number {
    return this.#current.size + this.#previous.size
  }

  /** Refuses `overloaded` when too many signatures are awaited already. Call it before a frame is opened. */
  checkRoom(): void {
    this.#rotate()
    if (this.size >= this.#framesMax) {
      throw new Refusal('overloaded', 'too many frames here wait for their signature', {
        hint: 'send a frame with its signature inside',
      })
    }
  }

  add(member: string, frameId: Uint8Array, content: FrameContent): void {
    this.#current.set(keyOf(member, frameId), this.#digests.of(content))
  }

  /** Takes signed statements from the member that owes them. Those about frames that never came here are ignored. */
  take(member: string, statements: readonly Buffer[]): void {
    this.#rotate()
    for (const { frameId, digest } of statements.map(parseFrameStatement)) {
      const key = keyOf(member, frameId)
      const awaited = this.#current.get(key) ?? this.#previous.get(key)
      if (awaited === undefined) continue
      this.#current.delete(key)
      this.#previous.delete(key)
      if (awaited.value.equals(digest)) continue
      this.#log.error({ member }, 'a member signed something else than its frame said: it is not heard again')
      this.#distrust(member)
      return
    }
  }

  #rotate(): void {
    const now = this.#clock.now()
    if (now < this.#rotateAtMs) return
    if (this.#previous.size > 0) {
      this.#log.warn(
        { frames: this.#previous.size, of: someOf(this.#previous) },
        'frames were never signed by their senders',
      )
    }
    this.#previous = this.#current
    this.#current = new Map()
    this.#rotateAtMs = now + GENERATION_MS
  }
}

function keyOf(member: string, frameId: Uint8Array): string {
  return `${member} ${Buffer.from(frameId).toString('latin1')}`
}

/** The members behind some awaited frames, few enough for a line of the log. */
function someOf(frames: ReadonlyMap<string, LaterDigest>): string[] {
  const members = new Set<string>()
  for (const key of frames.keys()) {
    members.add(key.slice(0, key.indexOf(' ')))
    if (members.size === 5) break
  }
  return [...members]
}

interface OpenedStatements {
  peer: { sender: Sender }
  letters: Buffer[]
}

/** What this drawer needs of the sealed channel. */
export interface StatementOpener {
  open(
    subject: string,
    bytes: Uint8Array,
    admit: (peer: { passport?: unknown }, kind: FrameKind) => void,
  ): OpenedStatements | Promise<OpenedStatements>
}

export interface SignaturesInbox {
  channel: StatementOpener
  transport: Transport
  subject: string
  awaitedSignatures: AwaitedSignatures
  clock: Clock
  log: Log
}

/**
 * Takes later signatures where they come in: only from a member, sealed to us, in signed frames. Some of the noise is
 * logged.
 */
export function receiveSignatures(inbox: SignaturesInbox): Subscription {
  const { channel, transport, subject, awaitedSignatures, clock, log } = inbox
  const noise = new BoundedLog(log, clock)
  const drop = (error: unknown) => noise.warn({ err: error }, 'later signatures were dropped')
  const take = ({ peer, letters }: OpenedStatements) => awaitedSignatures.take(peer.sender.id, letters)
  return transport.subscribe(subject, {}, (delivery) => {
    try {
      const opened = channel.open(delivery.subject, delivery.data, ({ passport }, kind) => {
        if (kind !== 'signatures') throw new Refusal('misaddressed', 'this subject takes signatures only')
        if (passport === undefined) throw new Refusal('not_admitted', 'only members sign later')
      })
      if (opened instanceof Promise) opened.then(take).catch(drop)
      else take(opened)
    } catch (error) {
      drop(error)
    }
  })
}
