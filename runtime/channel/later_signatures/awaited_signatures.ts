/**
 * What others owe us: the signed roots of frames that we took on the word of their seal. A root that says something else
 * than the frame did proves that its sender is not what its passport says, and it is not heard again. One that never
 * comes proves nothing, for its sender may have been killed, and is told to the log. Bounded: when too many are awaited,
 * frames without a signature are refused.
 */
import type { FrameContent } from '../../../attestation/index.ts'
import { AWAITED_ROOTS_MAX, Refusal } from '../../../messages/index.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { LaterDigest } from './later_digests.ts'
import { LaterDigests } from './later_digests.ts'
import { parseRootStatement } from './root_statement.ts'

/** Longer than any answer takes: a request's root is owed from its answer on. */
const GENERATION_MS = 70_000

export class AwaitedRoots {
  readonly #clock: Clock
  readonly #log: Log
  readonly #distrust: (member: string) => void
  readonly #framesMax: number
  readonly #digests = new LaterDigests()
  #current = new Map<string, LaterDigest>()
  #previous = new Map<string, LaterDigest>()
  #rotateAtMs: number

  /** @param distrust told of a member whose signed root contradicts its frame */
  constructor(clock: Clock, log: Log, distrust: (member: string) => void, framesMax = AWAITED_ROOTS_MAX) {
    this.#clock = clock
    this.#log = log
    this.#distrust = distrust
    this.#framesMax = framesMax
    this.#rotateAtMs = clock.now() + GENERATION_MS
  }

  /** How many frames wait for their root. */
  get size(): number {
    return this.#current.size + this.#previous.size
  }

  /** Refuses `overloaded` when too many are awaited already; asked before a frame is opened. */
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

  /** Takes signed roots from the member that owes them. Those of frames that never came here are nothing to us. */
  settle(member: string, letters: readonly Buffer[]): void {
    this.#rotate()
    for (const { frameId, digest } of letters.map(parseRootStatement)) {
      const key = keyOf(member, frameId)
      const awaited = this.#current.get(key) ?? this.#previous.get(key)
      if (awaited === undefined) continue
      this.#current.delete(key)
      this.#previous.delete(key)
      if (awaited.value.equals(digest)) continue
      this.#log.error(
        { member },
        'a member signed another root than that of the frame it had sent: it is not heard again',
      )
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
