/** Opens the audit log for a member that writes in it: under the key that the coordinator released to its role. */
import type { AuditHead } from '../../messages/index.ts'
import { assert, storage } from '../../messages/index.ts'
import { keepAuditHead } from './audit_heads.ts'
import type { PageSeal } from './audit_writer.ts'
import { AuditWriter } from './audit_writer.ts'
import type { ServiceHost } from '../member/service.ts'

export interface AuditOptions {
  /** Keeps the end of the chain; storage is told directly, unless this says otherwise. */
  anchor?: (head: AuditHead) => Promise<void>
  /** The room of the stream, for who makes it; all others wait for it. */
  streamBytes?: number
}

export function openAudit(host: ServiceHost, chain: PageSeal, { anchor, streamBytes }: AuditOptions = {}): AuditWriter {
  const { memberId: writer, auditStream: stream, clock, log } = host
  const keep = anchor ?? storedAnchor(host)
  return new AuditWriter({ writer, stream, streamBytes, chain, anchor: keep, clock, log })
}

/** The audit key of a member whose role has it. */
export function auditKeyOf({ secrets }: ServiceHost): Uint8Array {
  const key = secrets['audit_key']
  assert(key !== undefined, 'the coordinator releases the audit key to every role that writes the log')
  return key
}

function storedAnchor(host: ServiceHost): (head: AuditHead) => Promise<void> {
  const store = host.client(storage)
  return (head) => keepAuditHead(store, host.memberId, head)
}
