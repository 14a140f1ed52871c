/** The ends of the audit chains, kept in storage: the broker cannot reach them there, and none ever goes back. */
import { z } from 'zod'
import type { AuditHead, storage } from '../../messages/index.ts'
import { auditHead, defined, pack, parseBy, unpack } from '../../messages/index.ts'
import type { Client } from '../actor.ts'
import { retryOnConflict } from '../conflict.ts'

type Storage = Pick<Client<typeof storage>, 'get_many' | 'commit' | 'scan'>

const PREFIX = 'audit_head/'
const PAGE = 200
const RECORD_BYTES_MAX = 1024

const stored = auditHead.extend({ format: z.literal(1) })

/** A head that comes late is older than the one that is kept, and changes nothing. @throws Refusal `conflict` */
export async function keepAuditHead(store: Storage, writer: string, head: AuditHead): Promise<void> {
  const key = `${PREFIX}${writer}`
  const value = pack({ format: 1, ...head } satisfies z.infer<typeof stored>)
  await retryOnConflict(async () => {
    const { entries } = await store.get_many({ keys: [key] })
    const [entry] = entries
    if (entry !== undefined && readHead(entry).pages >= head.pages) return
    await store.commit({ writes: [{ key, value, revision: entry?.revision ?? 0 }] })
  })
}

/** By writer. */
export async function readAuditHeads(store: Storage): Promise<Map<string, AuditHead>> {
  const heads = new Map<string, AuditHead>()
  for (let after: string | undefined; ;) {
    const { entries } = await store.scan({ prefix: PREFIX, limit: PAGE, ...defined({ after }) })
    for (const entry of entries) heads.set(entry.key.slice(PREFIX.length), readHead(entry))
    if (entries.length < PAGE) return heads
    after = entries.at(-1)?.key
  }
}

function readHead({ key, value }: { key: string; value: Uint8Array }): AuditHead {
  const { format: _format, ...head } = parseBy(stored, unpack(value, RECORD_BYTES_MAX), key)
  return head
}
