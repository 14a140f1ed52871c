/**
 * This drawer holds the audit log as members write it, and the stream that keeps it; here is the writer. Notes gather
 * for a moment and leave as one sealed page, so a call costs the log next to nothing; the pages of a member are one
 * chain. Nothing is dropped while there is room: a page is sent again until the stream has it, and when too many notes
 * wait, `admit` refuses the call before it does anything. The end of the chain is handed to `anchor` every two seconds,
 * so that a missing tail is found.
 */
import type { AuditChain } from '../../attestation/index.ts'
import type { AuditHead, AuditPage, AuditRecord, Protocol, RefusalCode } from '../../messages/index.ts'
import { assert, AUDIT_TEXT_MAX, Refusal, storage } from '../../messages/index.ts'
import type { Client } from '../actor.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { AnonymousNotes } from './anonymous_notes.ts'
import { keepAuditHead } from './audit_heads.ts'
import type { RecordStream } from './record_stream.ts'

const GATHER_MS = 20
const PAGE_RECORDS_MAX = 200
/** From here on no call is admitted. */
const PENDING_MAX = 10_000
/**
 * Calls that were admitted before may still add notes up to here; notes beyond are counted, and the count is written.
 */
const PENDING_HARD_MAX = 12_000
const RETRY_MS = 250
const ANCHOR_MS = 2_000
/** How long a member that stops keeps trying to send its last page. */
const CLOSE_MS = 3_000

/** A record without its moment. `count` says for how many it stands, if for more than one. */
export type AuditNote = Pick<AuditRecord, 'kind' | 'outcome'> & Partial<Omit<AuditRecord, 'at' | 'kind' | 'outcome'>>

export interface AuditWriterParts {
  /** The member's id: its chain is its own. */
  writer: string
  stream: RecordStream
  /** The bound of the stream's bytes. Present if this member creates the stream when it is gone; others wait for it. */
  streamBytes?: number | undefined
  chain: AuditChain
  /** Keeps the end of the chain where the broker cannot reach it. */
  anchor: (head: AuditHead) => Promise<void>
  clock: Clock
  log: Log
}

export class AuditWriter {
  readonly #parts: AuditWriterParts
  #pending: AuditRecord[] = []
  /** Notes about nobody, which are counted instead of repeated. */
  readonly #anonymous = new AnonymousNotes()
  #lost = 0
  #head: AuditHead
  #anchored = 0
  #anchorDueMs = 0
  #cancelTimer: (() => void) | undefined
  #timerDueMs = 0
  #running: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #closeBy = Number.POSITIVE_INFINITY

  constructor(parts: AuditWriterParts) {
    this.#parts = parts
    this.#head = { pages: 0, records: 0, digest: Buffer.from(parts.chain.originOf(parts.writer)).toString('hex') }
  }

  /** @throws Refusal `overloaded` while the log cannot take what was written already */
  admit(): void {
    if (this.#pending.length < PENDING_MAX) return
    throw new Refusal('overloaded', 'the audit log takes no more at present, and nothing is done without it', {
      hint: 'try again later; an operator finds the reason in the log',
    })
  }

  note(note: AuditNote): void {
    const { clock } = this.#parts
    const { user = null, method = null, task = null, object = null, text = '', count = 1, kind, outcome } = note
    const record = {
      at: clock.now(),
      kind,
      user,
      method,
      task,
      object,
      outcome,
      text: text.slice(0, AUDIT_TEXT_MAX),
      count,
    }
    if (this.#pending.length >= PENDING_HARD_MAX) this.#lost += count
    else {
      const kept = user === null && kind === 'call' ? this.#anonymous.add(record) : record
      if (kept !== undefined) this.#pending.push(kept)
    }
    this.#scheduleNext()
  }

  /** Sends what still waits, for as long as there is time. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#closeBy = this.#parts.clock.now() + CLOSE_MS
    this.#anchorDueMs = 0
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    await this.#run()
  }

  #schedule(delayMs: number): void {
    if (this.#running !== undefined) return
    const dueMs = this.#parts.clock.now() + delayMs
    if (this.#cancelTimer !== undefined) {
      // A timer for the next anchor must not delay new notes.
      if (this.#timerDueMs <= dueMs) return
      this.#cancelTimer()
    }
    this.#timerDueMs = dueMs
    this.#cancelTimer = this.#parts.clock.after(delayMs, () => {
      this.#cancelTimer = undefined
      void this.#run()
    })
  }

  #run(): Promise<void> {
    this.#running ??= this.#flush().finally(() => {
      this.#running = undefined
      if (this.#closeBy !== Number.POSITIVE_INFINITY) return
      this.#scheduleNext()
    })
    return this.#running
  }

  #scheduleNext(): void {
    if (this.#pending.length > 0) return this.#schedule(GATHER_MS)
    if (this.#anchored < this.#head.records) this.#schedule(ANCHOR_MS)
    const anonymousDueMs = this.#anonymous.nextDueMs()
    if (anonymousDueMs !== undefined) this.#schedule(Math.max(0, anonymousDueMs - this.#parts.clock.now()))
  }

  async #flush(): Promise<void> {
    const isLast = this.#closeBy !== Number.POSITIVE_INFINITY
    this.#pending.push(...this.#anonymous.takeDue(isLast ? Number.POSITIVE_INFINITY : this.#parts.clock.now()))
    while (this.#pending.length > 0) {
      this.#anonymous.chained()
      const records = this.#pending.slice(0, PAGE_RECORDS_MAX)
      if (!(await this.#append(records))) return
      this.#pending.splice(0, records.length)
      if (this.#lost > 0 && this.#pending.length < PENDING_MAX) this.#noteGap()
    }
    await this.#anchor()
  }

  /** Seals the page once, and sends it until the stream has it: sent twice, it is the same page. */
  async #append(records: AuditRecord[]): Promise<boolean> {
    const { writer, stream, streamBytes, chain, clock, log } = this.#parts
    const { pages, records: first, digest } = this.#head
    const page: AuditPage = { writer, page: pages, first, previous: Buffer.from(digest, 'hex'), records }
    const body = chain.sealPage(page)
    for (let tries = 0; clock.now() < this.#closeBy; tries += 1) {
      try {
        await stream.append(`${writer}.${pages}`, body)
        this.#head = chain.headAfter(page)
        return true
      } catch (error) {
        if (tries % 20 === 0)
          log.error({ err: error, waiting: this.#pending.length }, 'the audit log cannot be written')
        if (streamBytes !== undefined) await stream.prepare(streamBytes).catch(() => {}) // the next try tells
        await clock.sleep(RETRY_MS)
      }
    }
    log.error({ waiting: this.#pending.length }, 'audit records were lost at the end of this member')
    return false
  }

  async #anchor(): Promise<void> {
    const { clock, anchor, log } = this.#parts
    const head = this.#head
    if (head.records === this.#anchored || clock.now() < this.#anchorDueMs) return
    this.#anchorDueMs = clock.now() + ANCHOR_MS
    try {
      await anchor(head)
      this.#anchored = head.records
    } catch (error) {
      log.warn({ err: error }, "the end of the audit log's chain could not be kept; it is tried again")
    }
  }

  #noteGap(): void {
    const count = this.#lost
    this.#lost = 0
    this.note({ kind: 'gap', outcome: 'lost', text: 'records that found no room', count })
  }
}

/** What opening the log needs of the host of a service. */
export interface AuditHost {
  readonly memberId: string
  readonly secrets: Readonly<Record<string, Uint8Array>>
  readonly clock: Clock
  readonly log: Log
  readonly auditStream: RecordStream
  client<P extends Protocol>(protocol: P): Client<P>
}

export interface AuditOptions {
  /** Keeps the end of the chain; where absent, it is put into storage directly. */
  anchor?: (head: AuditHead) => Promise<void>
  /** The bound of the stream's bytes. Present if this member creates the stream; others wait for it. */
  streamBytes?: number
}

/** Opens the audit log for a member that writes in it, under the key that the coordinator released to its role. */
export function openAudit(host: AuditHost, chain: AuditChain, { anchor, streamBytes }: AuditOptions = {}): AuditWriter {
  const { memberId: writer, auditStream: stream, clock, log } = host
  const keep = anchor ?? storedAnchor(host)
  return new AuditWriter({ writer, stream, streamBytes, chain, anchor: keep, clock, log })
}

/** The audit key of a member whose role has it. */
export function auditKeyOf({ secrets }: AuditHost): Uint8Array {
  const key = secrets['audit_key']
  assert(key !== undefined, 'the coordinator releases the audit key to every role that writes the log')
  return key
}

function storedAnchor(host: AuditHost): (head: AuditHead) => Promise<void> {
  const store = host.client(storage)
  return (head) => keepAuditHead(store, host.memberId, head)
}

/** Codes whose refusals say nothing but ids and rules. */
const TELLABLE: readonly RefusalCode[] = ['forbidden', 'unauthenticated', 'quota_exceeded', 'overloaded', 'unavailable']

/**
 * What the audit log says of a refusal: its words, where they are made of ids and rules. Elsewhere they may quote what
 * a function said or what a caller made up, so only the field is named.
 */
export function auditWordsOf({ code, message, hint, field }: Refusal): string {
  const words = TELLABLE.includes(code) ? [message, hint] : []
  return [...words, field === undefined ? undefined : `field ${field}`].filter((part) => part !== undefined).join('; ')
}
