/** The ends of the audit chains, in storage: there the broker cannot reach them, and none goes back. */
import { z } from 'zod'
import type { AuditHead, storage } from '../../messages/index.ts'
import { auditHead, pack, parseBy, Refusal, unpack } from '../../messages/index.ts'
import type { Client } from '../actor.ts'

type Storage = Pick<Client<typeof storage>, 'get_many' | 'commit' | 'scan'>

const PREFIX = 'audit_head/'
const PAGE = 200
const RECORD_BYTES_MAX = 1024
/** Two who keep the same head meet at most a few times: each meeting leaves a later one. */
const TRIES_MAX = 8

const stored = auditHead.extend({ format: z.literal(1) })

/** A head that comes late is older than what is kept, and changes nothing. @throws Refusal `conflict` */
export async function keepAuditHead(store: Storage, writer: string, head: AuditHead): Promise<void> {
  const key = `${PREFIX}${writer}`
  const value = pack({ format: 1, ...head } satisfies z.infer<typeof stored>)
  for (let tries = 1; ; tries += 1) {
    const { entries } = await store.get_many({ keys: [key] })
    const [entry] = entries
    if (entry !== undefined && readHead(entry).pages >= head.pages) return
    try {
      await store.commit({ writes: [{ key, value, revision: entry?.revision ?? 0 }] })
      return
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'conflict' || tries === TRIES_MAX) throw error
    }
  }
}

/** By writer. */
export async function readAuditHeads(store: Storage): Promise<Map<string, AuditHead>> {
  const heads = new Map<string, AuditHead>()
  for (let after: string | undefined; ;) {
    const page = { prefix: PREFIX, limit: PAGE }
    const { entries } = await store.scan(after === undefined ? page : { ...page, after })
    for (const entry of entries) heads.set(entry.key.slice(PREFIX.length), readHead(entry))
    if (entries.length < PAGE) return heads
    after = entries.at(-1)?.key
  }
}

function readHead({ key, value }: { key: string; value: Uint8Array }): AuditHead {
  const { format: _format, ...head } = parseBy(stored, unpack(value, RECORD_BYTES_MAX), key)
  return head
}
