/**
 * The chain and the seal of the audit log. Each record's digest covers the one before, beginning with the writer's
 * name. Pages are sealed under the audit key, bound to writer and number, so that nobody without the key reads, changes
 * or makes one. The chain shows whatever is missing or out of place; a head that was kept elsewhere shows a missing
 * end.
 */
import { createHash } from 'node:crypto'
import type { AuditHead, AuditPage } from '../../messages/index.ts'
import { assert, auditPage, canonicalJson, FRAME_BYTES_MAX, pack, Refusal, unpack } from '../../messages/index.ts'
import { seal, unseal } from './seal.ts'

const VERSION = 1

export class AuditChain {
  readonly #key: Uint8Array

  /** @param key 32 bytes, released by the coordinator */
  constructor(key: Uint8Array) {
    assert(key.length === 32, 'an audit key has 32 bytes')
    this.#key = key
  }

  /** The digest before a writer's first record. */
  originOf(writer: string): Buffer {
    return createHash('sha256').update(`tacit audit v${VERSION}\0${writer}`).digest()
  }

  /** The end of the chain after a page. */
  headAfter({ page, first, previous, records }: AuditPage): AuditHead {
    let digest = Buffer.from(previous)
    for (const record of records) digest = createHash('sha256').update(digest).update(canonicalJson(record)).digest()
    return { pages: page + 1, records: first + records.length, digest: digest.toString('hex') }
  }

  sealPage(page: AuditPage): Uint8Array {
    return pack([VERSION, page.writer, page.page, seal(this.#key, purposeOf(page.writer, page.page), pack(page))])
  }

  /** @throws Refusal `state_damaged` for bytes that were not sealed under this key as the page that they claim to be */
  openPage(bytes: Uint8Array): AuditPage {
    const { writer, page, sealed } = claimOf(bytes)
    try {
      const opened = auditPage.parse(unpack(unseal(this.#key, purposeOf(writer, page), sealed), FRAME_BYTES_MAX))
      if (opened.writer === writer && opened.page === page) return opened
    } catch (cause) {
      throw damaged(`page ${page} of ${writer} does not open`, cause)
    }
    throw damaged(`page ${page} of ${writer} is another page`)
  }
}

function claimOf(bytes: Uint8Array): { writer: string; page: number; sealed: Uint8Array } {
  const value = unpackClaim(bytes)
  if (!Array.isArray(value) || value.length !== 4 || value[0] !== VERSION) throw damaged('a message is no audit page')
  const [, writer, page, sealed] = value as unknown[]
  if (typeof writer === 'string' && typeof page === 'number' && sealed instanceof Uint8Array) {
    return { writer, page, sealed }
  }
  throw damaged('a message is no audit page')
}

function unpackClaim(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes, FRAME_BYTES_MAX)
  } catch (cause) {
    throw damaged('a message is no audit page', cause)
  }
}

function purposeOf(writer: string, page: number): string {
  return `audit page ${page} of ${writer}`
}

function damaged(text: string, cause?: unknown): Refusal {
  return new Refusal('state_damaged', text, { hint: 'the audit log was changed on the broker', cause })
}
