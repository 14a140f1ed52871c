/** Opens the audit log for a member that writes in it: under the key that the coordinator released to its role. */
import type { AuditChain } from '../../attestation/index.ts'
import type { AuditHead, Protocol } from '../../messages/index.ts'
import { assert, storage } from '../../messages/index.ts'
import type { Client } from '../actor.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { keepAuditHead } from './audit_heads.ts'
import { AuditWriter } from './audit_writer.ts'
import type { RecordStream } from './record_stream.ts'

/** What the log takes of the host of a service. */
export interface AuditHost {
  readonly memberId: string
  readonly secrets: Readonly<Record<string, Uint8Array>>
  readonly clock: Clock
  readonly log: Log
  readonly auditStream: RecordStream
  client<P extends Protocol>(protocol: P): Client<P>
}

export interface AuditOptions {
  /** Keeps the end of the chain; storage is told directly, unless this says otherwise. */
  anchor?: (head: AuditHead) => Promise<void>
  /** The room of the stream, for who makes it; all others wait for it. */
  streamBytes?: number
}

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
