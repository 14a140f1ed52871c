/**
 * What the frontend knows of sessions: the keys that sign tokens and the sessions that ended before their time. While
 * requests come, it asks authentication every half second, so that a revocation reaches this member within a second;
 * while none come, it asks nothing. Facts older than five seconds are not used: without authentication, everyone is
 * refused.
 */
import type { SessionKeys } from '../../attestation/index.ts'
import { importSessionKeys } from '../../attestation/index.ts'
import type { authentication } from '../../messages/index.ts'
import { defined, Refusal } from '../../messages/index.ts'
import type { Client, Clock, Log } from '../../runtime/index.ts'

export interface SessionFacts {
  keys: SessionKeys
  generations: ReadonlyMap<string, number>
  endedSessions: ReadonlySet<string>
  /** When they were asked for (ms since 1970): what ended later is not in them. */
  askedAtMs: number
}

const REFRESH_MS = 500
/** A request waits until facts that are older are renewed, as long as authentication answers. */
const FRESH_MS = 1000
/** Older facts are not used at all. */
const USABLE_MS = 5000
/** Without requests for so long, the watch rests. */
const IDLE_MS = 5000
const ASK_MS = 2000
/** If authentication never answers in time for fresh facts, usable ones must do. */
const STALE_TRIES_MAX = 2
const PAGES_MAX = 200

export class SessionWatch {
  readonly #authentication: Pick<Client<typeof authentication>, 'get_session_keys'>
  readonly #clock: Clock
  readonly #log: Log
  #facts: SessionFacts | undefined
  /** The refresh under way; true if it brought facts. */
  #refreshing: Promise<boolean> | undefined
  /** Cancels the next refresh, when one is due. */
  #cancelNext: (() => void) | undefined
  #usedAtMs = 0
  #closed = false

  constructor(client: Pick<Client<typeof authentication>, 'get_session_keys'>, clock: Clock, log: Log) {
    this.#authentication = client
    this.#clock = clock
    this.#log = log
  }

  /** @throws Refusal `unavailable` when authentication has not answered for five seconds */
  async current(): Promise<SessionFacts> {
    this.#usedAtMs = this.#clock.now()
    if (this.#refreshing === undefined && this.#cancelNext === undefined) void this.#refresh()
    // Facts are as old as the question: those of a slow answer are stale on arrival, and are asked for once more.
    for (let tries = 0; tries < STALE_TRIES_MAX && this.#ageMs() > FRESH_MS; tries += 1) {
      if (!(await (this.#refreshing ?? this.#refresh()))) break
    }
    if (this.#facts !== undefined && this.#ageMs() <= USABLE_MS) return this.#facts
    throw new Refusal('unavailable', 'sessions cannot be checked: authentication does not answer', {
      hint: 'try again in a few seconds',
    })
  }

  close(): void {
    this.#closed = true
    this.#cancelNext?.()
  }

  #ageMs(): number {
    return this.#facts === undefined ? Number.POSITIVE_INFINITY : this.#clock.now() - this.#facts.askedAtMs
  }

  /** One refresh at a time; a failed one is followed by the next like any other. */
  #refresh(): Promise<boolean> {
    this.#cancelNext?.()
    this.#cancelNext = undefined
    const refreshing = this.#ask()
      .then((facts) => {
        this.#facts = facts
        return true
      })
      .catch((error: unknown) => {
        this.#log.warn({ reason: String(error) }, 'sessions were not refreshed')
        return false
      })
      .finally(() => {
        this.#refreshing = undefined
        this.#scheduleNext()
      })
    this.#refreshing = refreshing
    return refreshing
  }

  #scheduleNext(): void {
    if (this.#closed) return
    this.#cancelNext = this.#clock.after(REFRESH_MS, () => {
      this.#cancelNext = undefined
      if (this.#clock.now() - this.#usedAtMs < IDLE_MS) void this.#refresh()
    })
  }

  async #ask(): Promise<SessionFacts> {
    const askedAtMs = this.#clock.now()
    const generations = new Map<string, number>()
    const endedSessions = new Set<string>()
    let after: string | undefined
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const reply = await this.#authentication.get_session_keys(defined({ after }), { timeoutMs: ASK_MS })
      for (const [user, generation] of Object.entries(reply.generations)) generations.set(user, generation)
      for (const jti of reply.ended_sessions) endedSessions.add(jti)
      if (reply.next === undefined) {
        return { keys: await importSessionKeys(reply.keys), generations, endedSessions, askedAtMs }
      }
      after = reply.next
    }
    // Refused rather than cut: with half of the revocations, ended sessions would pass.
    throw new Refusal('too_large', 'more sessions were revoked than can be watched')
  }
}
