/**
 * Whether the audit log is what its writers wrote: takes the pages in the order of the stream, and tells what is
 * missing, changed, made up or out of place. Pure; it keeps a few bytes for each page.
 */
import { createHash } from 'node:crypto'
import type { AuditFinding, AuditHead, AuditPage } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'

export interface ChainReader {
  originOf(writer: string): Uint8Array
  headAfter(page: AuditPage): AuditHead
  openPage(bytes: Uint8Array): AuditPage
}

interface Chain {
  head: AuditHead
  /** Fingerprints of the pages so far. */
  seen: Set<string>
}

export class AuditCheck {
  readonly #reader: ChainReader
  readonly #anchors: ReadonlyMap<string, AuditHead>
  readonly #chains = new Map<string, Chain>()
  readonly #findings: AuditFinding[] = []
  #records = 0

  /** @param anchors read before the stream's end was, so that what they speak of must be there */
  constructor(reader: ChainReader, anchors: ReadonlyMap<string, AuditHead>) {
    this.#reader = reader
    this.#anchors = anchors
  }

  take(body: Uint8Array): void {
    const page = this.#open(body)
    if (page === undefined) return
    const chain = this.#chainOf(page.writer)
    const print = createHash('sha256').update(body).digest('base64')
    // A page that was sent again because its answer was lost may be there twice; it is the same to the byte.
    if (chain.seen.has(print)) return
    chain.seen.add(print)
    const { head } = chain
    if (page.page < head.pages) {
      this.#find(page, 'stands behind pages that came after it, or was written twice')
      return
    }
    if (page.page > head.pages) {
      this.#find(page, `is not preceded by ${page.page - head.pages} pages: they were removed, or stand elsewhere`)
    } else if (page.first !== head.records || Buffer.from(page.previous).toString('hex') !== head.digest) {
      this.#find(page, 'does not continue the records before it')
    }
    chain.head = this.#reader.headAfter(page)
    this.#records += page.records.length
    const anchor = this.#anchors.get(page.writer)
    if (anchor?.pages === chain.head.pages && anchor.digest !== chain.head.digest) {
      this.#find(page, 'ends otherwise than was kept in storage')
    }
  }

  finish(): { writers: number; records: number; findings: AuditFinding[] } {
    for (const [writer, anchor] of this.#anchors) {
      const pages = this.#chains.get(writer)?.head.pages ?? 0
      if (pages >= anchor.pages) continue
      const problem = `ends after ${pages} pages, but had ${anchor.pages}: the end was removed`
      this.#findings.push({ writer, problem })
    }
    return { writers: this.#chains.size, records: this.#records, findings: this.#findings }
  }

  #open(body: Uint8Array): AuditPage | undefined {
    try {
      return this.#reader.openPage(body)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#findings.push({ writer: 'unknown', problem: `${error.message}: it was changed, or is not ours` })
      return undefined
    }
  }

  #chainOf(writer: string): Chain {
    const known = this.#chains.get(writer)
    if (known !== undefined) return known
    const digest = Buffer.from(this.#reader.originOf(writer)).toString('hex')
    const chain = { head: { pages: 0, records: 0, digest }, seen: new Set<string>() }
    this.#chains.set(writer, chain)
    return chain
  }

  #find({ writer, page }: AuditPage, problem: string): void {
    this.#findings.push({ writer, page, problem })
  }
}
