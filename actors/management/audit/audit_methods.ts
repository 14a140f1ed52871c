/**
 * The audit log for admins: queried, newest first, and verified from its first page to its last.
 *
 * This drawer holds what management does with the audit log: what it writes there, what it shows and verifies of it,
 * and the warning before it is full.
 */
import type { AuditEntry, AuditPage, management, RequestOf } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { Handlers, RecordStream } from '../../../runtime/index.ts'
import { keepAuditHead, readAuditHeads } from '../../../runtime/index.ts'
import type { ChainReader } from './audit_check.ts'
import { AuditCheck } from './audit_check.ts'
import { collectPages } from '../records/paging.ts'
import type { StorageClient } from '../records/storage_access.ts'

/** Messages that are read at once. */
const BLOCK = 32
const FINDINGS_MAX = 100
/** A log that is longer is verified where it was exported to. */
const MESSAGES_MAX = 2_000_000

type Query = RequestOf<typeof management, 'query_audit_log'>['request']
type Methods = Pick<Handlers<typeof management>, 'query_audit_log' | 'verify_audit_log' | 'anchor_audit'>

export interface AuditMethodParts {
  storage: StorageClient
  auditStream: RecordStream
  chain: ChainReader
}

export function auditMethods({ storage, auditStream: stream, chain: reader }: AuditMethodParts): Methods {
  return {
    async query_audit_log({ request }) {
      const { first, last } = await stream.range()
      let damaged = 0
      const seen = new Set<string>()
      const { found, next } = await collectPages(request.limit, request.after, async (after) => {
        const to = after === undefined ? { seq: last, below: undefined } : parseCursor(after)
        const from = Math.max(first, to.seq - BLOCK + 1)
        const items: { cursor: string; item: AuditEntry | undefined }[] = []
        for (const { seq, body } of (await stream.read(from, to.seq)).reverse()) {
          const page = openOrNot(reader, body)
          if (page === undefined) {
            damaged += 1
            continue
          }
          // A page that was sent twice is shown once.
          const name = `${page.writer} ${page.page}`
          if (seen.has(name)) continue
          seen.add(name)
          const below = seq === to.seq && to.below !== undefined ? to.below : page.records.length
          items.push(...entriesOf(page, seq, below, request))
        }
        // What follows begins before this block, whatever was found in it.
        items.push({ cursor: `${from - 1}`, item: undefined })
        return { items, isLast: from <= first }
      })
      return { entries: found, damaged, ...defined({ next }) }
    },

    async verify_audit_log(_request, context) {
      const check = new AuditCheck(reader, await readAuditHeads(storage))
      const { first, last } = await stream.range()
      if (last - first >= MESSAGES_MAX) {
        throw new Refusal('unsupported', `the audit log has ${last - first + 1} pages, more than are verified here`)
      }
      for (let from = first; from <= last; from += BLOCK) {
        context.signal.throwIfAborted()
        for (const { body } of await stream.read(from, Math.min(last, from + BLOCK - 1))) check.take(body)
      }
      const { writers, records, findings } = check.finish()
      return { intact: findings.length === 0, writers, records, findings: findings.slice(0, FINDINGS_MAX) }
    },

    async anchor_audit(head, { sender }) {
      await keepAuditHead(storage, sender.id, head)
      return {}
    },
  }
}

/** The records of a page that are asked for, newest first, each with the cursor behind it. */
function entriesOf(page: AuditPage, seq: number, below: number, query: Query) {
  return page.records
    .map((record, index) => ({ ...record, writer: page.writer, record: page.first + index, index }))
    .slice(0, below)
    .reverse()
    .map(({ index, ...entry }) => ({
      cursor: `${seq}.${index}`,
      item: isWanted(entry, query) ? entry : undefined,
    }))
}

function isWanted(entry: AuditEntry, { user, method, task, outcome, text, from, to }: Query): boolean {
  return (
    (user === undefined || entry.user === user) &&
    (method === undefined || entry.method === method) &&
    (task === undefined || entry.task === task) &&
    (outcome === undefined || entry.outcome === outcome) &&
    (from === undefined || entry.at >= from) &&
    (to === undefined || entry.at < to) &&
    (text === undefined || JSON.stringify(Object.values(entry)).toLowerCase().includes(text.toLowerCase()))
  )
}

/** `<sequence>`, or `<sequence>.<record>` within a page. @throws Refusal `invalid_request` */
function parseCursor(after: string): { seq: number; below: number | undefined } {
  const [, seq, below] = /^(\d{1,15})(?:\.(\d{1,6}))?$/.exec(after) ?? []
  if (seq === undefined) {
    throw new Refusal('invalid_request', 'after: is not where a page ends', {
      hint: 'give the `next` of the page before',
      field: 'after',
    })
  }
  return { seq: Number(seq), below: below === undefined ? undefined : Number(below) }
}

function openOrNot(reader: ChainReader, body: Uint8Array): AuditPage | undefined {
  try {
    return reader.openPage(body)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}
