/**
 * The payload of a function: in its registration, or in the object store where it is too large for a message. Either
 * way it is known by its SHA-256, which the terms of a task cover. Only a worker is told where a stored one lies, and
 * its key.
 */
import { createHash } from 'node:crypto'
import type { FunctionSpec, FunctionView, RunOrder, StoredPayload } from '../../../messages/index.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

export type Payload = FunctionSpec['payload']
type PayloadRecord = { inline: Uint8Array } | { stored: StoredPayload }

const NONE = new Uint8Array(0)

/** SHA-256 of the payload; undefined where there is none. */
export function digestPayload(payload: Payload): string | undefined {
  if (!(payload instanceof Uint8Array)) return payload.digest
  return payload.length === 0 ? undefined : createHash('sha256').update(payload).digest('hex')
}

/** What it takes of a run order. */
export function orderBytesOf(payload: Payload): number {
  return payload instanceof Uint8Array ? payload.length : 0
}

export function packPayload(payload: Payload): Uint8Array {
  const record: PayloadRecord = payload instanceof Uint8Array ? { inline: payload } : { stored: payload }
  return packRecord(record)
}

/** What a worker is told. @param value as it was packed; undefined for a function without a payload */
export function orderPayload(value: Uint8Array | undefined): Pick<RunOrder, 'payload' | 'stored_payload'> {
  const record = value === undefined ? { inline: NONE } : unpackRecord<PayloadRecord>(value)
  return 'inline' in record ? { payload: record.inline } : { payload: NONE, stored_payload: record.stored }
}

/** What a user may read. */
export function viewPayload(value: Uint8Array | undefined): FunctionView['payload'] {
  return orderPayload(value).payload
}
