/** The ends of the audit chains, in storage: there the broker cannot reach them, and none goes back. */
import type { AuditHead } from '../../messages/index.ts'
import { AUDIT_HEAD_PREFIX, auditHeadKey } from './keys.ts'
import type { StorageClient } from './records.ts'
import { commit, readMany, settle } from './records.ts'
import { packRecord, unpackRecord } from './task_record.ts'

const PAGE = 200

/** A head that comes late is older than what is kept, and changes nothing. */
export async function keepHead(storage: StorageClient, writer: string, head: AuditHead): Promise<void> {
  const key = auditHeadKey(writer)
  await settle(async () => {
    const entry = (await readMany(storage, [key])).get(key)
    if (entry !== undefined && unpackRecord<AuditHead>(entry.value).pages >= head.pages) return
    await commit(storage, [{ key, value: packRecord(head), revision: entry?.revision ?? 0 }])
  })
}

/** By writer. */
export async function readHeads(storage: StorageClient): Promise<Map<string, AuditHead>> {
  const heads = new Map<string, AuditHead>()
  for (let after: string | undefined; ;) {
    const page = { prefix: AUDIT_HEAD_PREFIX, limit: PAGE }
    const { entries } = await storage.scan(after === undefined ? page : { ...page, after })
    for (const { key, value } of entries) {
      heads.set(key.slice(AUDIT_HEAD_PREFIX.length), unpackRecord<AuditHead>(value))
    }
    if (entries.length < PAGE) return heads
    after = entries.at(-1)?.key
  }
}
